//! The bodies of `MinIO`'s admin API, which are encrypted under the caller's secret key: salt, cipher,
//! nonce, then chunks of 16 KiB, each with its tag.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{
    AES_256_GCM, Aad, Algorithm as AeadAlgorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};

use secrecy::{ExposeSecret, SecretString};

const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 8;
const TAG_BYTES: usize = 16;
const CHUNK_BYTES: usize = 16 * 1024;

/// `MinIO`'s ids for ciphers under an Argon2id key.
const ARGON2ID_AES_GCM: u8 = 0;
const ARGON2ID_CHACHA20_POLY1305: u8 = 1;

/// Say of a chunk whether it is the last.
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;

/// The request could not even be made, or the answer not be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::adapters::aws) struct CannotAsk(pub(in crate::adapters::aws) &'static str);

/// `MinIO`'s body format: salt, cipher, nonce, then one chunk, sealed under an Argon2id key of the
/// caller's secret.
pub(in crate::adapters::aws) fn encrypt(
    message: &[u8],
    secret: &str,
) -> Result<Vec<u8>, CannotAsk> {
    if message.len() > CHUNK_BYTES {
        return Err(CannotAsk("it is too long"));
    }
    let mut salt = [0; SALT_BYTES];
    let mut nonce = [0; NONCE_BYTES];
    fill(&mut salt)?;
    fill(&mut nonce)?;
    seal(message, secret, salt, nonce)
}

fn seal(
    message: &[u8],
    secret: &str,
    salt: [u8; SALT_BYTES],
    nonce: [u8; NONCE_BYTES],
) -> Result<Vec<u8>, CannotAsk> {
    let key = key(&AES_256_GCM, secret, &salt)?;
    // The empty message under counter 0 binds the chunks together.
    let mut empty = Vec::new();
    let whole = key
        .seal_in_place_separate_tag(counted(nonce, 0), Aad::empty(), &mut empty)
        .map_err(|_| CannotAsk("it cannot be encrypted"))?;
    let aad = [&[LAST], whole.as_ref()].concat();
    let mut chunk = message.to_vec();
    key.seal_in_place_append_tag(counted(nonce, 1), Aad::from(aad), &mut chunk)
        .map_err(|_| CannotAsk("it cannot be encrypted"))?;
    Ok([&salt[..], &[ARGON2ID_AES_GCM], &nonce, &chunk].concat())
}

fn key(
    algorithm: &'static AeadAlgorithm,
    secret: &str,
    salt: &[u8],
) -> Result<LessSafeKey, CannotAsk> {
    const MEMORY_KIB: u32 = 64 * 1024;
    const PASSES: u32 = 1;
    const LANES: u32 = 4;
    let mut key = [0; 32];
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, Some(key.len()))
        .map_err(|_| CannotAsk("no key can be derived"))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(secret.as_bytes(), salt, &mut key)
        .map_err(|_| CannotAsk("no key can be derived"))?;
    UnboundKey::new(algorithm, &key)
        .map(LessSafeKey::new)
        .map_err(|_| CannotAsk("no key can be derived"))
}

fn counted(nonce: [u8; NONCE_BYTES], counter: u32) -> Nonce {
    let mut whole = [0; 12];
    let (front, back) = whole.split_at_mut(NONCE_BYTES);
    front.copy_from_slice(&nonce);
    back.copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(whole)
}

/// What somebody has encrypted so.
pub(in crate::adapters::aws) fn decrypt(
    message: &[u8],
    secret: &str,
) -> Result<Vec<u8>, CannotAsk> {
    let broken = || CannotAsk("the answer cannot be decrypted");
    let (salt, rest) = message.split_at_checked(SALT_BYTES).ok_or_else(broken)?;
    let (cipher, rest) = rest.split_first().ok_or_else(broken)?;
    let (nonce, rest) = rest.split_at_checked(NONCE_BYTES).ok_or_else(broken)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| broken())?;
    let algorithm = match *cipher {
        ARGON2ID_AES_GCM => &AES_256_GCM,
        ARGON2ID_CHACHA20_POLY1305 => &CHACHA20_POLY1305,
        _ => return Err(broken()),
    };
    let key = key(algorithm, secret, salt)?;
    let mut empty = Vec::new();
    let whole = key
        .seal_in_place_separate_tag(counted(nonce, 0), Aad::empty(), &mut empty)
        .map_err(|_| broken())?;
    let chunks: Vec<&[u8]> = rest.chunks(CHUNK_BYTES + TAG_BYTES).collect();
    if chunks.is_empty() {
        return Err(broken());
    }
    let mut opened = Vec::new();
    for (counter, chunk) in (1..).zip(&chunks) {
        let is_last = usize::try_from(counter) == Ok(chunks.len());
        let flag = if is_last { LAST } else { MORE };
        let aad = Aad::from([&[flag], whole.as_ref()].concat());
        let mut chunk = chunk.to_vec();
        let plain = key.open_in_place(counted(nonce, counter), aad, &mut chunk);
        opened.extend_from_slice(plain.map_err(|_| broken())?);
    }
    Ok(opened)
}

/// [`encrypt`] on a thread where it may take its time: the key takes 64 MiB to derive.
pub(in crate::adapters::aws) async fn encrypt_aside(
    message: Vec<u8>,
    secret: &str,
) -> Result<Vec<u8>, CannotAsk> {
    let secret = SecretString::from(secret);
    aside(move || encrypt(&message, secret.expose_secret())).await
}

/// [`decrypt`] there.
pub(in crate::adapters::aws) async fn decrypt_aside(
    message: Vec<u8>,
    secret: &str,
) -> Result<Vec<u8>, CannotAsk> {
    let secret = SecretString::from(secret);
    aside(move || decrypt(&message, secret.expose_secret())).await
}

async fn aside(
    work: impl FnOnce() -> Result<Vec<u8>, CannotAsk> + Send + 'static,
) -> Result<Vec<u8>, CannotAsk> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(CannotAsk("the gateway is ending")))
}

pub(in crate::adapters::aws) fn random_hex(bytes: usize) -> Result<String, CannotAsk> {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer)?;
    Ok(hex::encode(buffer))
}

fn fill(buffer: &mut [u8]) -> Result<(), CannotAsk> {
    aws_lc_rs::rand::fill(buffer).map_err(|_| CannotAsk("no randomness"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `PyPI`'s `minio.crypto` (7.2.20) writes for this salt and nonce.
    #[test]
    fn the_body_is_what_minios_own_client_writes() {
        let sealed = seal(b"{\"a\":1}", "secret", [7; SALT_BYTES], [9; NONCE_BYTES]).unwrap();
        assert_eq!(hex::encode(sealed), EXPECTED);
    }

    #[test]
    fn what_was_encrypted_is_read_again_and_nothing_else() {
        let sealed = encrypt(b"{\"a\":1}", "secret").unwrap();
        assert_eq!(decrypt(&sealed, "secret").unwrap(), b"{\"a\":1}");
        assert!(decrypt(&sealed, "other").is_err());
        for cut in [0, 32, 40, 41, sealed.len() - 1] {
            assert!(decrypt(&sealed[..cut], "secret").is_err(), "{cut}");
        }
    }

    const EXPECTED: &str = "0707070707070707070707070707070707070707070707070707070707070707000909090909090909422b9846327b926ea323d457e7d150df56b747d742f7b4";
}
