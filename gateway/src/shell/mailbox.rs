//! Bounded queues into a thread that sleeps in epoll.
//!
//! A sender rings the bell only when the thread is asleep, so that a busy thread costs its senders no system call.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use mio::{Registry, Token, Waker};
use tokio::sync::mpsc;

/// Wakes one sleeping thread.
pub(crate) struct Bell {
    asleep: AtomicBool,
    waker: Waker,
}

impl Bell {
    /// A bell that ends the sleep of the `Poll` behind `registry`.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { asleep: AtomicBool::new(false), waker: Waker::new(registry, token)? }))
    }

    /// After something was put into a queue of the thread.
    pub(crate) fn ring(&self) {
        if self.asleep.swap(false, Ordering::AcqRel) {
            // A waker fails only when its epoll is gone, and then nobody sleeps there.
            let _ = self.waker.wake();
        }
    }

    /// The thread is about to sleep: what is put into its queues from now on rings. It must look into its queues once more after this.
    ///
    /// A swap, not a store: it takes part in the order of `ring`'s swaps, so what was queued before a silent `ring` is seen afterwards.
    pub(crate) fn arm(&self) {
        self.asleep.swap(true, Ordering::AcqRel);
    }

    /// The thread is awake.
    pub(crate) fn disarm(&self) {
        self.asleep.store(false, Ordering::Release);
    }
}

/// The way into a thread's queue.
pub(crate) struct Mailbox<T> {
    queue: mpsc::Sender<T>,
    bell: Option<Arc<Bell>>,
}

/// Why something was not queued; it comes back.
#[derive(Debug)]
pub(crate) enum Refused<T> {
    /// The queue is full.
    Full(T),
    /// The thread is gone.
    Gone(T),
}

impl<T> Mailbox<T> {
    /// A queue of at most `max` with its far end; nothing rings until `waking`.
    pub(crate) fn new(max: usize) -> (Self, mpsc::Receiver<T>) {
        let (queue, receiver) = mpsc::channel(max);
        (Self { queue, bell: None }, receiver)
    }

    /// Over a queue that somebody else made.
    pub(crate) fn over(queue: mpsc::Sender<T>) -> Self {
        Self { queue, bell: None }
    }

    /// Rings this bell after each send.
    pub(crate) fn waking(self, bell: Arc<Bell>) -> Self {
        Self { bell: Some(bell), ..self }
    }

    /// Queues without waiting.
    pub(crate) fn try_send(&self, value: T) -> Result<(), Refused<T>> {
        self.lay(value)?;
        self.ring();
        Ok(())
    }

    /// Queues without waiting and without a sound: the sender has more to say, and will `ring`.
    pub(crate) fn lay(&self, value: T) -> Result<(), Refused<T>> {
        self.queue.try_send(value).map_err(|error| match error {
            mpsc::error::TrySendError::Full(value) => Refused::Full(value),
            mpsc::error::TrySendError::Closed(value) => Refused::Gone(value),
        })
    }

    /// Queues, waiting for a place.
    pub(crate) async fn send(&self, value: T) -> Result<(), Refused<T>> {
        self.queue.send(value).await.map_err(|error| Refused::Gone(error.0))?;
        self.ring();
        Ok(())
    }

    /// Queues from a thread that may block.
    pub(crate) fn blocking_send(&self, value: T) -> Result<(), Refused<T>> {
        self.queue.blocking_send(value).map_err(|error| Refused::Gone(error.0))?;
        self.ring();
        Ok(())
    }

    /// Wakes the far end, if it sleeps.
    pub(crate) fn ring(&self) {
        if let Some(bell) = &self.bell {
            bell.ring();
        }
    }
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self { queue: self.queue.clone(), bell: self.bell.clone() }
    }
}
