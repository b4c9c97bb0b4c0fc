//! The web app, by its API and in a browser.

mod binary;
mod http;
mod keyboard;
mod page;
mod support;
mod uploads;
mod watching;
mod webcam;
