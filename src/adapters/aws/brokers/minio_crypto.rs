//! The encryption of the bodies of `MinIO`'s admin API. A body is a salt, a cipher id, a nonce and
//! chunks of 16 KiB, each with its tag. The key is derived from the caller's secret with Argon2id.

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{
    AES_256_GCM, Aad, Algorithm as AeadAlgorithm, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey,
};
use secrecy::{ExposeSecret, SecretString};

const SALT_BYTES: usize = 32;
const NONCE_BYTES: usize = 8;
const TAG_BYTES: usize = 16;
const CHUNK_BYTES: usize = 16 * 1024;

/// `MinIO`'s ids of the ciphers.
const ARGON2ID_AES_GCM: u8 = 0;
const ARGON2ID_CHACHA20_POLY1305: u8 = 1;

/// The flags in a chunk's associated data: more chunks follow, or this is the last.
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;

/// A body cannot be encrypted or decrypted.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::adapters::aws) struct MinioCryptoError(pub(in crate::adapters::aws) &'static str);

/// Encrypts a message of at most one chunk.
pub(in crate::adapters::aws) fn encrypt(
    message: &[u8],
    secret: &str,
) -> Result<Vec<u8>, MinioCryptoError> {
    if message.len() > CHUNK_BYTES {
        return Err(MinioCryptoError("the request is too long"));
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
) -> Result<Vec<u8>, MinioCryptoError> {
    let key = key(&AES_256_GCM, secret, &salt)?;
    // The tag of the empty message under counter 0 is part of every chunk's associated data.
    let mut empty = Vec::new();
    let whole = key
        .seal_in_place_separate_tag(nonce_with_counter(nonce, 0), Aad::empty(), &mut empty)
        .map_err(|_| MinioCryptoError("cannot encrypt the request"))?;
    let aad = [&[LAST], whole.as_ref()].concat();
    let mut chunk = message.to_vec();
    key.seal_in_place_append_tag(nonce_with_counter(nonce, 1), Aad::from(aad), &mut chunk)
        .map_err(|_| MinioCryptoError("cannot encrypt the request"))?;
    Ok([&salt[..], &[ARGON2ID_AES_GCM], &nonce, &chunk].concat())
}

fn key(
    algorithm: &'static AeadAlgorithm,
    secret: &str,
    salt: &[u8],
) -> Result<LessSafeKey, MinioCryptoError> {
    const MEMORY_KIB: u32 = 64 * 1024;
    const PASSES: u32 = 1;
    const LANES: u32 = 4;
    let mut key = [0; 32];
    let parameters = Params::new(MEMORY_KIB, PASSES, LANES, Some(key.len()))
        .map_err(|_| MinioCryptoError("cannot derive the encryption key"))?;
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(secret.as_bytes(), salt, &mut key)
        .map_err(|_| MinioCryptoError("cannot derive the encryption key"))?;
    UnboundKey::new(algorithm, &key)
        .map(LessSafeKey::new)
        .map_err(|_| MinioCryptoError("cannot derive the encryption key"))
}

fn nonce_with_counter(nonce: [u8; NONCE_BYTES], counter: u32) -> Nonce {
    let mut whole = [0; 12];
    let (front, back) = whole.split_at_mut(NONCE_BYTES);
    front.copy_from_slice(&nonce);
    back.copy_from_slice(&counter.to_le_bytes());
    Nonce::assume_unique_for_key(whole)
}

/// Decrypts a body that `MinIO` or [`encrypt`] has encrypted.
pub(in crate::adapters::aws) fn decrypt(
    message: &[u8],
    secret: &str,
) -> Result<Vec<u8>, MinioCryptoError> {
    let broken = || MinioCryptoError("cannot decrypt the answer");
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
        .seal_in_place_separate_tag(nonce_with_counter(nonce, 0), Aad::empty(), &mut empty)
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
        let plain = key.open_in_place(nonce_with_counter(nonce, counter), aad, &mut chunk);
        opened.extend_from_slice(plain.map_err(|_| broken())?);
    }
    Ok(opened)
}

/// [`encrypt`] on the blocking thread pool: deriving the key takes long and 64 MiB.
pub(in crate::adapters::aws) async fn encrypt_async(
    message: Vec<u8>,
    secret: &str,
) -> Result<Vec<u8>, MinioCryptoError> {
    let secret = SecretString::from(secret);
    on_blocking_pool(move || encrypt(&message, secret.expose_secret())).await
}

/// [`decrypt`] on the blocking thread pool.
pub(in crate::adapters::aws) async fn decrypt_async(
    message: Vec<u8>,
    secret: &str,
) -> Result<Vec<u8>, MinioCryptoError> {
    let secret = SecretString::from(secret);
    on_blocking_pool(move || decrypt(&message, secret.expose_secret())).await
}

async fn on_blocking_pool(
    work: impl FnOnce() -> Result<Vec<u8>, MinioCryptoError> + Send + 'static,
) -> Result<Vec<u8>, MinioCryptoError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(MinioCryptoError("the gateway is shutting down")))
}

pub(in crate::adapters::aws) fn random_hex(bytes: usize) -> Result<String, MinioCryptoError> {
    let mut buffer = vec![0; bytes];
    fill(&mut buffer)?;
    Ok(hex::encode(buffer))
}

fn fill(buffer: &mut [u8]) -> Result<(), MinioCryptoError> {
    aws_lc_rs::rand::fill(buffer).map_err(|_| MinioCryptoError("the system has no random bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `PyPI`'s `minio.crypto` (7.2.20) writes `EXPECTED` for this salt and nonce.
    #[test]
    fn encrypts_like_minios_own_client() {
        let sealed = seal(b"{\"a\":1}", "secret", [7; SALT_BYTES], [9; NONCE_BYTES]).unwrap();
        assert_eq!(hex::encode(sealed), EXPECTED);
    }

    #[test]
    fn decrypts_only_intact_bodies_under_the_same_secret() {
        let sealed = encrypt(b"{\"a\":1}", "secret").unwrap();
        assert_eq!(decrypt(&sealed, "secret").unwrap(), b"{\"a\":1}");
        assert!(decrypt(&sealed, "other").is_err());
        for cut in [0, 32, 40, 41, sealed.len() - 1] {
            assert!(decrypt(&sealed[..cut], "secret").is_err(), "{cut}");
        }
    }

    const EXPECTED: &str = "0707070707070707070707070707070707070707070707070707070707070707000909090909090909422b9846327b926ea323d457e7d150df56b747d742f7b4";
}
