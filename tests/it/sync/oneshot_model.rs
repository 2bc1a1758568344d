//! Random sends, polls and drops at both ends of a oneshot channel, against a plain model: the value arrives once, or
//! comes back, or is dropped with the channel.

use std::rc::Rc;
use std::task::Poll;

use looplet::sync::{Closed, TryGetError, oneshot};
use proptest::prelude::*;

use crate::support::{Hand, hand};

#[derive(Clone, Copy, Debug)]
enum Op {
    Send,
    DropSender,
    /// Begins to await the receiver, or polls it again.
    Poll,
    TryReceive,
    DropReceiver,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        2 => Just(Op::Send),
        1 => Just(Op::DropSender),
        4 => Just(Op::Poll),
        2 => Just(Op::TryReceive),
        1 => Just(Op::DropReceiver),
    ]
}

/// What the receiver must see.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Nothing,
    Value,
    End,
}

fn play(ops: Vec<Op>) {
    let value = Rc::new(());
    let (sender, mut receiver) = oneshot::<Rc<()>>();
    let (mut sender, mut expected) = (Some(sender), Expected::Nothing);
    let mut ops = ops.into_iter().peekable();
    let mut send = |op: Op, expected: &mut Expected, has_receiver: bool| match (op, sender.take()) {
        (Op::Send, Some(sender)) => {
            assert_eq!(sender.is_closed(), !has_receiver);
            assert_eq!(sender.send(value.clone()).is_ok(), has_receiver);
            *expected = Expected::Value;
        }
        (Op::DropSender, Some(_dropped)) => *expected = Expected::End,
        (_, kept) => sender = kept,
    };
    // First the receiver is not awaited, then it is.
    while let Some(op) = ops.next_if(|op| !matches!(op, Op::Poll | Op::DropReceiver)) {
        if matches!(op, Op::TryReceive) {
            let received = receiver.try_recv();
            match expected {
                Expected::Nothing => assert_eq!(received, Err(TryGetError::Empty)),
                Expected::End => assert_eq!(received, Err(TryGetError::Closed)),
                Expected::Value => {
                    assert!(received.is_ok());
                    expected = Expected::End;
                }
            }
        }
        send(op, &mut expected, true);
    }
    let mut waiting: Option<Hand<Result<Rc<()>, Closed>>> = Some(hand(receiver));
    let mut polls = 0;
    for op in ops {
        match (op, &mut waiting) {
            (Op::Poll, Some(future)) => match future.poll() {
                Poll::Pending => {
                    assert_eq!(expected, Expected::Nothing);
                    polls += 1;
                }
                Poll::Ready(received) => {
                    assert_eq!(received.is_ok(), expected == Expected::Value);
                    assert_ne!(expected, Expected::Nothing);
                    waiting = None;
                }
            },
            (Op::DropReceiver, _) => waiting = None,
            _ => {}
        }
        send(op, &mut expected, waiting.is_some());
        if let Some(future) = &waiting {
            let is_over = expected != Expected::Nothing;
            assert_eq!(future.wakes() > 0, is_over && polls > 0);
        }
    }
    drop((sender, waiting));
    assert_eq!(Rc::strong_count(&value), 1);
}

proptest! {
    #[test]
    fn a_oneshot_channel_behaves_like_its_model(ops in prop::collection::vec(op(), 1..20)) {
        play(ops);
    }
}
