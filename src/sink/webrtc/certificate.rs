// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! The DTLS certificate. GStreamer up to 1.26 (1.22 and 1.26.2 tested) generates an RSA certificate. Peers
//! that support only ECDHE-ECDSA cipher suites (aiortc, str0m) reject it: the handshake ends with
//! `no shared cipher`. A P-256 certificate works with all peers, and saves the 60 to 260 ms that generating
//! an RSA key takes.

use gst::glib;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};

/// A self-signed certificate and its key.
pub struct Certificate {
    /// The certificate, then its key: the format of the property `pem` of `dtlsdec`.
    pub pem: String,
    der: Vec<u8>,
}

impl Certificate {
    /// Generates a key and a certificate for it.
    ///
    /// # Errors
    /// If the system can't provide random bytes for the key.
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

    /// Replaces the fingerprints that webrtcbin wrote into the SDP by that of this certificate. GStreamer
    /// up to 1.26 hashes the whole `pem` text, including the key.
    pub fn correct_fingerprint(&self, sdp: &str) -> String {
        let correct = format!("a=fingerprint:{}\r\n", fingerprint(&self.der));
        sdp.split_inclusive('\n')
            .map(|line| match line.starts_with("a=fingerprint:") {
                true => correct.as_str(),
                false => line,
            })
            .collect()
    }
}

/// The `a=fingerprint` value (RFC 8122, 5) of a DER certificate.
fn fingerprint(der: &[u8]) -> String {
    let digest = glib::compute_checksum_for_data(glib::ChecksumType::Sha256, der);
    let hex = digest.unwrap_or_default().to_uppercase();
    let pairs: Vec<&str> = (0..hex.len()).step_by(2).map(|i| &hex[i..i + 2]).collect();
    format!("sha-256 {}", pairs.join(":"))
}

/// The `a=fingerprint` value of a PEM certificate; `None` if `pem` is not a certificate.
pub fn fingerprint_of_pem(pem: &str) -> Option<String> {
    let body = pem
        .split_once("-----BEGIN CERTIFICATE-----")?
        .1
        .split_once("-----END CERTIFICATE-----")?
        .0;
    let der = glib::base64_decode(body);
    (!der.is_empty()).then(|| fingerprint(&der))
}

/// The values of the `a=fingerprint` lines of an SDP. Only SHA-256 ones can match: both ends of this
/// service use no other hash, and RFC 8122 requires everyone to support it.
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
    fn the_sdp_gets_the_fingerprint_of_the_certificate() {
        let certificate = Certificate::generate().expect("a certificate");
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
