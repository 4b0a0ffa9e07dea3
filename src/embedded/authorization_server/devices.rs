use std::io;
use std::time::Duration;

use moka::future::Cache;

use crate::embedded::random::hex_digits;

use super::grants::Consent;

/// RFC 8628 section 3.2: how long a device waits for its user.
pub(super) const DEVICE_LIFETIME: Duration = Duration::from_mins(10);

/// Letters that are neither vowels nor easily taken for others, so that no code is a word (RFC 8628
/// section 6.1); one for each hex digit.
const LETTERS: [char; 16] = [
    'B', 'C', 'D', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N', 'P', 'Q', 'R', 'S', 'T',
];

/// The devices whose users are to sign in.
pub(super) struct Devices {
    by_device_code: Cache<String, Device>,
    device_codes: Cache<String, String>,
}

/// A device, and what its user has said.
#[derive(Clone)]
pub(super) struct Device {
    pub(super) client_id: String,
    pub(super) scope: String,
    pub(super) user_code: String,
    pub(super) decision: Decision,
}

/// What the user has said.
#[derive(Clone)]
pub(super) enum Decision {
    Pending,
    SignedIn(String),
    Denied,
}

/// What a device gets when it asks for its token (RFC 8628 section 3.5).
pub(super) enum Polled {
    Consent(Consent),
    Pending,
    Denied,
    Unknown,
}

impl Default for Devices {
    fn default() -> Self {
        Self {
            by_device_code: Cache::builder().time_to_live(DEVICE_LIFETIME).build(),
            device_codes: Cache::builder().time_to_live(DEVICE_LIFETIME).build(),
        }
    }
}

impl Devices {
    /// A new device. Returns its device code and its user code.
    pub(super) async fn add(&self, client_id: &str, scope: &str) -> io::Result<(String, String)> {
        let (device_code, user_code) = (hex_digits(20)?, user_code()?);
        let device = Device {
            client_id: client_id.to_owned(),
            scope: scope.to_owned(),
            user_code: user_code.clone(),
            decision: Decision::Pending,
        };
        let of_user = normalised(&user_code);
        self.device_codes.insert(of_user, device_code.clone()).await;
        self.by_device_code
            .insert(device_code.clone(), device)
            .await;
        Ok((device_code, user_code))
    }

    /// The device that shows this code and still waits.
    pub(super) async fn waiting(&self, user_code: &str) -> Option<Device> {
        let device_code = self.device_codes.get(&normalised(user_code)).await?;
        self.by_device_code.get(&device_code).await
    }

    /// Tells the device what its user has said. A user code is good once.
    pub(super) async fn decide(&self, user_code: &str, decision: Decision) -> bool {
        let device_code = self.device_codes.remove(&normalised(user_code)).await;
        let Some(device_code) = device_code else {
            return false;
        };
        let Some(device) = self.by_device_code.get(&device_code).await else {
            return false;
        };
        let decided = Device { decision, ..device };
        self.by_device_code.insert(device_code, decided).await;
        true
    }

    /// A device asks for its token, which it gets once.
    pub(super) async fn poll(&self, device_code: &str, client_id: &str) -> Polled {
        let device = self.by_device_code.get(device_code).await;
        let Some(device) = device.filter(|device| device.client_id == client_id) else {
            return Polled::Unknown;
        };
        let answer = match device.decision {
            Decision::Pending => return Polled::Pending,
            Decision::Denied => Polled::Denied,
            Decision::SignedIn(user) => Polled::Consent(Consent {
                user,
                client_id: device.client_id,
                scope: device.scope,
                nonce: None,
            }),
        };
        // Of two polls at once, one gets the token.
        match self.by_device_code.remove(device_code).await {
            Some(_) => answer,
            None => Polled::Unknown,
        }
    }
}

/// As people type it: in lower case, and without the hyphen.
fn normalised(user_code: &str) -> String {
    let letters = user_code.chars().filter(char::is_ascii_alphabetic);
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}

/// `WDJB-MJHT`
fn user_code() -> io::Result<String> {
    let digits = hex_digits(4)?;
    let digits = digits.chars().filter_map(|digit| digit.to_digit(16));
    let letters = digits.filter_map(|digit| LETTERS.get(digit as usize));
    let mut code: String = letters.collect();
    code.insert(4, '-');
    Ok(code)
}
