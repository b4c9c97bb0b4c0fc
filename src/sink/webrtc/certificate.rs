//! The DTLS certificate. GStreamer up to 1.26 makes an RSA one, which peers that offer
//! ECDHE-ECDSA suites only (aiortc, str0m) can't use: the handshake ends in `no shared cipher`.
//! A P-256 certificate works with all of them, and costs no 60–260 ms of RSA key generation.

use gst::glib;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

/// A self-signed certificate and its key.
pub struct Certificate {
    /// Certificate, then key: the form that `dtlsdec`'s `pem` property takes.
    pub pem: String,
    der: Vec<u8>,
}

impl Certificate {
    /// # Errors
    /// Where the system has no randomness for a key.
    pub fn generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "overshootsink");
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            pem: certificate.pem() + &key.serialize_pem(),
            der: certificate.der().to_vec(),
        })
    }

    /// The SDP with this certificate's fingerprint (RFC 8122, 5) in place of the one that
    /// webrtcbin wrote: up to 1.26 it hashes the whole `pem` text, key included.
    pub fn correct_fingerprint(&self, sdp: &str) -> String {
        let line = format!("a=fingerprint:{}\r\n", fingerprint(&self.der));
        sdp.split_inclusive('\n')
            .map(|old| {
                if old.starts_with("a=fingerprint:") {
                    line.as_str()
                } else {
                    old
                }
            })
            .collect()
    }
}

/// The `a=fingerprint` value (RFC 8122, 5) of a certificate in DER.
fn fingerprint(der: &[u8]) -> String {
    let digest = glib::compute_checksum_for_data(glib::ChecksumType::Sha256, der);
    let hex = digest.unwrap_or_default().to_uppercase();
    let pairs: Vec<&str> = (0..hex.len()).step_by(2).map(|i| &hex[i..i + 2]).collect();
    format!("sha-256 {}", pairs.join(":"))
}

/// The same of a certificate in PEM; `None` where it is none.
pub fn fingerprint_of_pem(pem: &str) -> Option<String> {
    let body = pem
        .split_once("-----BEGIN CERTIFICATE-----")?
        .1
        .split_once("-----END CERTIFICATE-----")?
        .0;
    let der = glib::base64_decode(body);
    (!der.is_empty()).then(|| fingerprint(&der))
}

/// The SHA-256 fingerprints that an SDP names. (Both ends of this service use no other hash; RFC
/// 8122 wants it to be supported by all.)
pub fn fingerprints(sdp: &str) -> Vec<String> {
    sdp.lines()
        .filter_map(|line| line.trim_end().strip_prefix("a=fingerprint:"))
        .filter_map(|value| value.split_once(' '))
        .map(|(hash, hex)| format!("{} {}", hash.to_lowercase(), hex.trim().to_uppercase()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_certificates() {
        let certificate = Certificate::generate().expect("generated");
        assert!(certificate.pem.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(certificate.pem.contains("PRIVATE KEY"));
        let sdp =
            "v=0\r\na=fingerprint:sha-256 00:11\r\nm=video\r\na=fingerprint:sha-256 00:11\r\n";
        let corrected = certificate.correct_fingerprint(sdp);
        let lines: Vec<_> = corrected.lines().filter(|l| l.contains("finger")).collect();
        assert_eq!(lines.len(), 2);
        let hex = lines[0].trim_start_matches("a=fingerprint:sha-256 ");
        assert_eq!(hex.split(':').count(), 32, "{hex}");
        assert!(!corrected.contains("00:11\r"));
        let of_pem = fingerprint_of_pem(&certificate.pem).expect("a certificate");
        assert!(fingerprints(&corrected).contains(&of_pem));
        assert!(!fingerprints(sdp).contains(&of_pem));
        assert_eq!(fingerprint_of_pem("garbage"), None);
    }
}
