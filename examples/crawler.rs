//! A crawler that follows the links of a small site: two connections at a time (semaphore), all new links at once
//! (gather), a limit of half a second (timeout), which doubles at each new try. The site is a real server, on the same
//! loop: it refuses the first `/soup` as too busy, and never answers the first `/tea`.
//!
//! ```text
//! /: 200 ["/bread", "/soup", "/tea"]
//! /bread: 200 ["/butter"]
//! /soup: 200 ["/butter"]
//! /tea: 200 ["/butter"]
//! /butter: 404 []
//! ```

use std::{collections::HashSet, io, net::SocketAddr, rc::Rc, time::Duration};

use async_net::{TcpListener, TcpStream};
use futures::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, io::BufReader};
use looplet::{Semaphore, gather, sleep, spawn, timeout};

fn main() {
    looplet::run(crawler());
}

pub(crate) async fn crawler() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let server = listener.local_addr().unwrap();
    spawn(serve(listener)).detach();
    let limit = Rc::new(Semaphore::new(2));
    let (mut known, mut new) = (HashSet::new(), vec!["/".to_owned()]);
    while !new.is_empty() {
        let visits = new.drain(..).map(|path| visit(server, path, limit.clone()));
        for (report, links) in gather(visits.collect::<Vec<_>>()).await {
            println!("{report}");
            new.extend(links.into_iter().filter(|link| known.insert(link.clone())));
        }
    }
}

async fn visit(server: SocketAddr, path: String, limit: Rc<Semaphore>) -> (String, Vec<String>) {
    let mut patience = Duration::from_millis(500);
    loop {
        let permit = limit.acquire().await;
        let answer = timeout(patience, get(server, &path)).await;
        drop(permit);
        // No answer, a broken one or "too busy": all the same to a crawler that tries again.
        let answer = answer.map_or(String::new(), Result::unwrap_or_default);
        let mut words = answer.split_whitespace().map(str::to_owned);
        if let Some(code) = words.next().filter(|code| code != "503") {
            let links: Vec<_> = words.collect();
            return (format!("{path}: {code} {links:?}"), links);
        }
        sleep(Duration::from_millis(20)).await;
        patience *= 2;
    }
}

async fn get(server: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(format!("GET {path}\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let (mut asked, mut unanswered) = (HashSet::new(), Vec::new());
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut request = String::new();
        let _read = BufReader::new(&mut stream).read_line(&mut request).await;
        let answer = match (request.trim(), asked.insert(request.clone())) {
            ("GET /", _) => "200 /bread /soup /tea",
            ("GET /soup", true) => "503",
            ("GET /tea", true) => "",
            ("GET /bread" | "GET /soup" | "GET /tea", _) => "200 /butter",
            _ => "404",
        };
        let _gone_by_now = stream.write_all(answer.as_bytes()).await;
        unanswered.extend(answer.is_empty().then_some(stream));
    }
}
