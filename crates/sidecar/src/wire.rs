//! What goes over the socket: the server's greeting; then an order, then an answer, each behind its length.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::net::SendFlags;

/// Comes first, so that whatever else listens under the name is not taken for a server.
const MAGIC: [u8; 8] = *b"sidecar1";

/// What a server says first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Greeting {
    pub(crate) version: u64,
    pub(crate) process: u32,
}

impl Greeting {
    pub(crate) fn send(self, stream: &UnixStream) -> io::Result<()> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(self.process.to_le_bytes());
        send_all(stream, &bytes)
    }

    /// # Errors
    /// The connection's end, or something that is no greeting.
    pub(crate) fn receive(mut stream: &UnixStream) -> io::Result<Self> {
        let (mut magic, mut version, mut process) = ([0; 8], [0; 8], [0; 4]);
        stream.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.read_exact(&mut version)?;
        stream.read_exact(&mut process)?;
        Ok(Self {
            version: u64::from_le_bytes(version),
            process: u32::from_le_bytes(process),
        })
    }
}

/// Sends bytes behind their length.
pub(crate) fn send(stream: &UnixStream, bytes: &[u8]) -> io::Result<()> {
    let len = u32::try_from(bytes.len()).map_err(|_| io::ErrorKind::FileTooLarge)?;
    send_all(stream, &len.to_le_bytes())?;
    send_all(stream, bytes)
}

/// Receives what [`send`] sent.
pub(crate) fn receive(mut stream: &UnixStream) -> io::Result<Vec<u8>> {
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let len = u32::from_le_bytes(len);
    // Grows as bytes come: a length alone reserves nothing.
    let mut bytes = Vec::new();
    stream.take(len.into()).read_to_end(&mut bytes)?;
    if bytes.len() < len as usize {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Sends all of it. A peer that is gone is an error, and no signal.
fn send_all(stream: &UnixStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::net::send(stream.as_fd(), bytes, SendFlags::NOSIGNAL) {
            Ok(sent) => bytes = &bytes[sent..],
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_received() {
        let (a, b) = UnixStream::pair().unwrap();
        let greeting = Greeting {
            version: u64::MAX - 1,
            process: 7,
        };
        greeting.send(&a).unwrap();
        for bytes in [&b""[..], b"x", &[7; 1000]] {
            send(&a, bytes).unwrap();
        }
        assert_eq!(Greeting::receive(&b).unwrap(), greeting);
        for bytes in [&b""[..], b"x", &[7; 1000]] {
            assert_eq!(receive(&b).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_cut_off_is_an_error_and_so_is_what_is_no_greeting() {
        for sent in [&[][..], &[9, 0], &[9, 0, 0, 0, 1, 2]] {
            let (a, b) = UnixStream::pair().unwrap();
            send_all(&a, sent).unwrap();
            drop(a);
            let error = receive(&b).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
        let (a, b) = UnixStream::pair().unwrap();
        send_all(&a, b"HTTP/1.1 400 Bad Request").unwrap();
        let error = Greeting::receive(&b).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_peer_that_is_gone_is_an_error() {
        let (a, b) = UnixStream::pair().unwrap();
        drop(b);
        assert_eq!(
            send(&a, b"x").unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}
