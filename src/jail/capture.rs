//! Reading what comes out of a jail: everything is read, a bounded part is kept.

use std::io;

use tokio::{
    net::unix::pipe::Receiver,
    sync::{mpsc, watch},
};

use crate::{
    Captured,
    executor::{Event, Stream},
};

/// What one read may bring: the usual size of a pipe.
const CHUNK: usize = 64 * 1024;

/// Reads a pipe until its last writer is gone or, once the jail has `ended`, until it is empty: whatever was written
/// before the end is in it by then, and who still holds it open doesn't matter.
#[derive(Debug)]
pub(crate) struct Drain<'a> {
    pipe: &'a Receiver,
    ended: watch::Receiver<bool>,
    over: bool,
    buffer: Vec<u8>,
}

impl<'a> Drain<'a> {
    pub(crate) fn new(pipe: &'a Receiver, ended: watch::Receiver<bool>) -> Self {
        Self { pipe, ended, over: false, buffer: vec![0; CHUNK] }
    }

    /// What was written next; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<&[u8]> {
        // A flood must not keep the other tasks from their turn.
        tokio::task::consume_budget().await;
        let read = loop {
            // At the end the pipe itself is asked: the reactor may not have heard of the last bytes yet.
            let read = match self.over {
                true => rustix::io::read(self.pipe, &mut self.buffer[..]).map_err(io::Error::from),
                false => self.pipe.try_read(&mut self.buffer),
            };
            match read {
                Ok(0) => return None,
                Ok(read) => break read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.over => tokio::select! {
                    biased;
                    readable = self.pipe.readable() => readable.ok()?,
                    _ = self.ended.wait_for(|&ended| ended) => self.over = true,
                },
                Err(_) => return None,
            }
        };
        Some(&self.buffer[..read])
    }

    /// Keeps what fits, and drops the rest.
    pub(crate) async fn keep(mut self, kept: &mut Kept) {
        while let Some(chunk) = self.next().await {
            kept.take(chunk);
        }
    }

    /// Keeps what fits and tells it as it comes, at the pace of whoever listens; drops the rest.
    pub(crate) async fn keep_and_tell(
        mut self,
        kept: &mut Kept,
        stream: Stream,
        events: &mpsc::Sender<Event>,
    ) {
        while let Some(chunk) = self.next().await {
            let fits = kept.take(chunk);
            if !fits.is_empty() {
                // Nobody listens any more: the execution is being ended, and its pipes are emptied all the same.
                let _ = events.send(Event::Output(stream, fits.to_vec())).await;
            }
        }
    }
}

/// The first `limit` bytes of a stream.
#[derive(Debug)]
pub(crate) struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    truncated: bool,
}

impl Kept {
    pub(crate) fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), limit, truncated: false }
    }

    /// Keeps what fits of `chunk`, and returns that part.
    pub(crate) fn take<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let fits = &chunk[..chunk.len().min(self.limit - self.bytes.len())];
        self.truncated |= fits.len() < chunk.len();
        self.bytes.extend_from_slice(fits);
        fits
    }

    /// What was kept, if that's all there was.
    pub(crate) fn whole(self) -> Option<Vec<u8>> {
        (!self.truncated).then_some(self.bytes)
    }

    /// What was kept, as text. A character that the cut went through is left out.
    pub(crate) fn text(mut self) -> Captured {
        if self.truncated
            && let Some(Err(error)) =
                self.bytes.utf8_chunks().last().map(|last| std::str::from_utf8(last.invalid()))
            && error.error_len().is_none()
        {
            let cut =
                self.bytes.len() - self.bytes.utf8_chunks().last().map_or(0, |last| last.invalid().len());
            self.bytes.truncate(cut);
        }
        let text = match String::from_utf8(self.bytes) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        };
        Captured { text, truncated: self.truncated }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(limit: usize, bytes: &[u8]) -> Captured {
        let mut kept = Kept::new(limit);
        for chunk in bytes.chunks(7) {
            kept.take(chunk);
        }
        kept.text()
    }

    #[test]
    fn what_fits_is_whole_and_what_does_not_is_cut_and_said_so() {
        assert_eq!(kept(5, b"hello"), Captured { text: "hello".into(), truncated: false });
        assert_eq!(kept(4, b"hello"), Captured { text: "hell".into(), truncated: true });
        assert_eq!(kept(0, b"hello"), Captured { text: String::new(), truncated: true });
    }

    #[test]
    fn the_cut_goes_between_characters_and_invalid_bytes_are_replaced() {
        assert_eq!(kept(4, "abcé".as_bytes()).text, "abc");
        assert_eq!(kept(4, b"abc\xff\xfe").text, "abc\u{fffd}");
        assert_eq!(kept(9, b"a\xc3").text, "a\u{fffd}", "nothing was cut here: the byte is wrong");
    }

    proptest! {
        #[test]
        fn text_is_what_the_standard_library_decodes(bytes: Vec<u8>) {
            prop_assert_eq!(kept(bytes.len(), &bytes).text, String::from_utf8_lossy(&bytes));
        }
    }
}
