//! The sockets and timers of async-net and async-io on looplet: real bytes over the loopback device.
//!
//! The example `echo_server` is a hundred clients at once, and a test plays it.

use std::future::pending;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use async_io::{Async, Timer};
use async_net::{TcpListener, TcpStream, UdpSocket};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use looplet::{JoinHandle, gather, run, spawn, timeout};

const ANY_PORT: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
/// More than the buffers of a connection hold.
const MANY_BYTES: usize = 8 * 1024 * 1024;

/// Bytes that differ from seed to seed and do not repeat soon.
fn bytes(seed: u64, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    fastrand::Rng::with_seed(seed).fill(&mut bytes);
    bytes
}

/// Two ends of a connection.
async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let here = TcpStream::connect(listener.local_addr().unwrap());
    let (here, there) = futures::join!(here, listener.accept());
    (here.unwrap(), there.unwrap().0)
}

/// Sends everything back, each client in a task.
async fn echo_server() -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind(ANY_PORT).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawn(async move {
        let mut clients = listener.incoming();
        while let Some(Ok(client)) = clients.next().await {
            let echo =
                async move { futures::io::copy(&mut client.clone(), &mut client.clone()).await };
            spawn(echo).detach();
        }
    });
    (address, server)
}

#[test]
fn a_connection_carries_more_bytes_than_its_buffers_hold_both_ways_at_once() {
    run(async {
        let (here, there) = connection().await;
        let ends = [(here, 1, 2), (there, 2, 1)].map(|(stream, own, other)| async move {
            let (mut to, mut from) = (stream.clone(), stream);
            let sent = bytes(own, MANY_BYTES);
            let mut received = Vec::new();
            let send = async {
                to.write_all(&sent).await?;
                to.shutdown(Shutdown::Write)
            };
            futures::try_join!(send, from.read_to_end(&mut received)).unwrap();
            assert!(received == bytes(other, MANY_BYTES));
        });
        gather(ends).await;
    });
}

#[test]
fn clients_that_are_cancelled_in_the_middle_leave_the_others_unharmed() {
    run(async {
        let (address, server) = echo_server().await;
        let clients: Vec<_> = (0..30u64)
            .map(|id| {
                spawn(async move {
                    let mut stream = TcpStream::connect(address).await?;
                    let sent = bytes(id, 4096);
                    let mut received = vec![0; sent.len()];
                    for _ in 0..5 {
                        stream.write_all(&sent).await?;
                        stream.read_exact(&mut received).await?;
                        assert!(received == sent);
                        if id % 3 == 0 {
                            stream.write_all(&sent[..100]).await?;
                            looplet::current_task().cancel();
                            pending::<()>().await;
                        }
                    }
                    Ok::<_, io::Error>(id)
                })
            })
            .collect();
        for (id, client) in (0..).zip(clients) {
            match client.await {
                Ok(finished) => assert_eq!(finished.unwrap(), id),
                Err(error) => assert!(error.is_cancelled() && id % 3 == 0),
            }
        }
        server.cancel();
        assert!(server.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn a_cancelled_task_closes_its_socket() {
    run(async {
        let (mut here, mut there) = connection().await;
        let reader = spawn(async move { here.read(&mut [0; 8]).await });
        looplet::yield_now().await;
        reader.cancel();
        assert!(reader.await.unwrap_err().is_cancelled());
        assert_eq!(there.read(&mut [0; 8]).await.unwrap(), 0);
    });
}

#[test]
fn a_timeout_on_a_silent_socket_elapses_and_the_socket_lives_on() {
    run(async {
        let (mut here, mut there) = connection().await;
        let mut word = [0; 5];
        let silence = timeout(Duration::from_millis(5), here.read_exact(&mut word));
        assert!(silence.await.is_err());
        there.write_all(b"hello").await.unwrap();
        here.read_exact(&mut word).await.unwrap();
        assert_eq!(&word, b"hello");
    });
}

#[test]
fn datagrams_are_answered() {
    run(async {
        let server = UdpSocket::bind(ANY_PORT).await.unwrap();
        let address = server.local_addr().unwrap();
        spawn(async move {
            let mut datagram = [0; 512];
            while let Ok((length, client)) = server.recv_from(&mut datagram).await {
                datagram[..length].reverse();
                server.send_to(&datagram[..length], client).await.unwrap();
            }
        })
        .detach();
        let client = UdpSocket::bind(ANY_PORT).await.unwrap();
        client.connect(address).await.unwrap();
        for seed in 0..20 {
            let mut sent = bytes(seed, 400);
            client.send(&sent).await.unwrap();
            let mut received = [0; 512];
            let length = client.recv(&mut received).await.unwrap();
            sent.reverse();
            assert_eq!(received[..length], sent);
        }
    });
}

#[test]
fn a_socket_of_the_standard_library_can_be_awaited() {
    run(async {
        let listener = Async::<std::net::TcpListener>::bind(ANY_PORT).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address)?;
            io::Write::write_all(&mut stream, b"from a thread")
        });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "from a thread");
        thread.join().unwrap().unwrap();
    });
}

#[test]
fn a_timer_of_async_io_wakes_the_loop_and_never_early() {
    let start = Instant::now();
    let ticks = run(async {
        let pause = Duration::from_millis(5);
        let other = looplet::sleep(pause);
        let (ticks, ()) = futures::join!(Timer::interval(pause).take(3).count(), other);
        ticks
    });
    assert_eq!(ticks, 3);
    assert!(start.elapsed() >= Duration::from_millis(15));
}
