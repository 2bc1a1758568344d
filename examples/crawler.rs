//! A crawler that follows the links of a small site: two connections at a time (semaphore), all new links at once
//! (gather), half a second of patience (timeout), three tries (retry). The site is a real server, on the same loop: it
//! is too busy for the first `/soup` and never answers the first `/tea`.
//!
//! ```text
//! /: ["/bread", "/soup", "/tea"], try 1
//! /bread: ["/butter"], try 1
//! /soup: ["/butter"], try 2
//! /tea: ["/butter"], try 2
//! /butter: gave up, 404
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
    let mut attempt = 1;
    loop {
        let permit = limit.acquire().await;
        let answer = timeout(Duration::from_millis(500), get(server, &path)).await;
        drop(permit);
        match answer.unwrap_or_else(|late| Err(io::Error::other(late))) {
            Ok(links) => return (format!("{path}: {links:?}, try {attempt}"), links),
            Err(error) if attempt == 3 => return (format!("{path}: gave up, {error}"), vec![]),
            Err(_) => sleep(Duration::from_millis(20 * attempt)).await,
        }
        attempt += 1;
    }
}

async fn get(server: SocketAddr, path: &str) -> io::Result<Vec<String>> {
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(format!("GET {path}\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.strip_prefix("200") {
        Some(links) => Ok(links.split_whitespace().map(str::to_owned).collect()),
        None => Err(io::Error::other(answer)),
    }
}

async fn serve(listener: TcpListener) -> io::Result<()> {
    let (mut asked, mut unanswered) = (HashSet::new(), Vec::new());
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut request = String::new();
        BufReader::new(&mut stream).read_line(&mut request).await?;
        let answer = match (request.trim(), asked.insert(request.clone())) {
            ("GET /", _) => "200 /bread /soup /tea",
            ("GET /soup", true) => "503",
            ("GET /tea", true) => "",
            ("GET /bread" | "GET /soup" | "GET /tea", _) => "200 /butter",
            _ => "404",
        };
        stream.write_all(answer.as_bytes()).await?;
        unanswered.extend(answer.is_empty().then_some(stream));
    }
}
