//! The header of the PROXY protocol at the start of a connection, read to its last byte and no further.

use std::io;

use chatwarden_policy::client_address::proxy_protocol::{
    Announced, HEAD, MAX_LINE, SIGNATURE, WORD, parse_binary, parse_line, rest_of,
};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads the header.
///
/// # Errors
/// The connection begins with something else, or ends.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Announced> {
    let malformed = |_| io::Error::from(io::ErrorKind::InvalidData);
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        let mut head = [0; HEAD];
        let (begun, left) = head.split_at_mut(SIGNATURE.len());
        begun.copy_from_slice(&start);
        stream.read_exact(left).await?;
        let mut header = head.to_vec();
        header.resize(HEAD + rest_of(&head).map_err(malformed)?, 0);
        stream.read_exact(header.get_mut(HEAD..).unwrap_or_default()).await?;
        return parse_binary(&header).map_err(malformed);
    }
    let mut line = start.to_vec();
    if line.starts_with(WORD) {
        // Byte by byte, for what follows the line is TLS or HTTP. Balancers send it in one packet.
        while !line.ends_with(b"\r\n") && line.len() < MAX_LINE {
            line.push(stream.read_u8().await?);
        }
    }
    parse_line(&line).map_err(malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read, and what is left for the connection.
    async fn parts(mut bytes: &[u8]) -> (Option<Announced>, &[u8]) {
        let announced = read(&mut bytes).await;
        (announced.ok(), bytes)
    }

    fn binary(rest: &[u8]) -> Vec<u8> {
        [SIGNATURE, &[0x21, 0x11, 0, rest.len() as u8][..], rest].concat()
    }

    #[tokio::test]
    async fn a_header_is_read_to_its_last_byte_and_no_further() {
        let client = Some(Announced::Client("198.51.100.1".parse().unwrap()));
        let address = [198, 51, 100, 1, 192, 0, 2, 7, 1, 2, 3, 4];
        for header in [b"PROXY TCP4 198.51.100.1 192.0.2.7 1 2\r\n".to_vec(), binary(&address)] {
            let whole = [&header[..], b"\r\nGET /"].concat();
            assert_eq!(parts(&whole).await, (client, &b"\r\nGET /"[..]));
            for end in 0..header.len() {
                assert_eq!(parts(&header[..end]).await.0, None, "{end}");
            }
        }
        assert_eq!(parts(b"PROXY UNKNOWN\r\nx").await, (Some(Announced::Own), &b"x"[..]));
    }

    #[tokio::test]
    async fn what_is_no_header_is_not_read_for_long() {
        for bytes in
            [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03abcdef"]
        {
            let (announced, left) = parts(bytes).await;
            assert_eq!((announced, left.len()), (None, bytes.len() - SIGNATURE.len()));
        }
        let endless = [&b"PROXY UNKNOWN "[..], &[b'x'; 1000]].concat();
        assert_eq!(parts(&endless).await, (None, &endless[MAX_LINE..]));
        let too_long = [SIGNATURE, &[0x21, 0, 0xff, 0xff][..], &[0; 1000]].concat();
        assert_eq!(parts(&too_long).await, (None, &too_long[HEAD..]));
    }
}
