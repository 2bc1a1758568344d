//! A TCP echo server and a hundred clients at the same time, on one loop, with the sockets of the async-net crate.
//!
//! ```text
//! the server has served 100 clients
//! 100 clients got back all of their 3276800 bytes
//! ```
//!
//! looplet has no sockets: those of the smol crates wake their tasks on a thread of their own, while the loop sleeps.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};

use async_net::{TcpListener, TcpStream};
use futures::{AsyncReadExt, AsyncWriteExt};
use looplet::{GroupError, spawn, task_group, try_gather};

const CLIENTS: usize = 100;
const BYTES: usize = 32 * 1024;

fn main() {
    looplet::run(echo_server());
}

pub(crate) async fn echo_server() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawn(serve(listener));

    let clients: Vec<_> = (0..CLIENTS).map(|n| talk(address, n)).collect();
    let received = try_gather(clients).await.unwrap();
    let served = server.await.unwrap().unwrap();
    println!("the server has served {served} clients");
    let total: usize = received.iter().sum();
    println!("{CLIENTS} clients got back all of their {total} bytes");
}

/// Gives every client a task, and ends with the last client.
async fn serve(listener: TcpListener) -> Result<usize, GroupError<io::Error>> {
    task_group(async |clients| {
        for _ in 0..CLIENTS {
            let (stream, _) = listener.accept().await?;
            clients.spawn(echo(stream)).detach();
        }
        Ok(CLIENTS)
    })
    .await
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let (mut from, mut to) = (stream.clone(), stream);
    futures::io::copy(&mut from, &mut to).await?;
    to.shutdown(Shutdown::Write)
}

/// Sends bytes that no other client sends, while it reads what comes back.
async fn talk(address: SocketAddr, client: usize) -> io::Result<usize> {
    let sent: Vec<u8> = (0..BYTES)
        .map(|i| (i * 31 + client * 7 + i / 256) as u8)
        .collect();
    let stream = TcpStream::connect(address).await?;
    let (mut to, mut from) = (stream.clone(), stream);
    let mut received = Vec::new();
    let send = async {
        to.write_all(&sent).await?;
        to.shutdown(Shutdown::Write)
    };
    let (_, count) = futures::try_join!(send, from.read_to_end(&mut received))?;
    assert!(received == sent, "client {client} got other bytes back");
    Ok(count)
}
