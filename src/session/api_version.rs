//! The generations of the API.

/// The generations of the service's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// One SDP offer in, answers pushed on a WebSocket.
    V02,
    /// A LiveKit room, answers asked for one by one.
    V1,
}

impl Api {
    pub fn name(self) -> &'static str {
        match self {
            Api::V02 => "v0.2",
            Api::V1 => "v1",
        }
    }
}
