// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A private network in three network namespaces: the sender, the service, and between them a router that loses,
//! delays or blocks packets. It does not touch the machine's network. Dropping it removes the namespaces.

use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

use overshoot_emulator::Config;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Launch, Service, launch};

/// The sender's address.
pub const SENDER_ADDRESS: &str = "10.77.1.2";
/// The router's address on the sender's side.
pub const ROUTER_ADDRESS: &str = "10.77.1.1";
/// The router's address on the service's side.
pub const ROUTER_OUTSIDE_ADDRESS: &str = "10.77.2.1";
/// The service's address.
pub const SERVICE_ADDRESS: &str = "10.77.2.2";

/// The names of three network namespaces.
pub struct Network {
    pub sender: String,
    pub router: String,
    pub service: String,
}

impl Network {
    /// Creates the network. Returns `None` and prints the reason if this machine does not allow it.
    pub fn or_skip() -> Option<Self> {
        Self::new()
            .inspect_err(|reason| println!("skipped: {reason}"))
            .ok()
    }

    /// # Errors
    /// Names what is missing: root rights, a tool, or a kernel feature.
    fn new() -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            return Err("only root can make network namespaces".to_owned());
        }
        let name = format!("ovs-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        // `Network` exists from here on, so that dropping it removes the namespaces even after an error below.
        let network = Self {
            sender: format!("{name}-sender"),
            router: format!("{name}-router"),
            service: format!("{name}-service"),
        };
        for namespace in network.namespaces() {
            run(&["ip", "netns", "add", namespace])?;
            run(&["ip", "-n", namespace, "link", "set", "lo", "up"])?;
        }
        network.connect(&network.sender, "inside", SENDER_ADDRESS, ROUTER_ADDRESS)?;
        network.connect(
            &network.service,
            "outside",
            SERVICE_ADDRESS,
            ROUTER_OUTSIDE_ADDRESS,
        )?;
        network.run_on_router("echo 1 > /proc/sys/net/ipv4/ip_forward")?;
        network.run_on_router(
            "nft 'add table inet test;
             add chain inet test forward { type filter hook forward priority 0; };
             add chain inet test input { type filter hook input priority 0; };'",
        )?;
        Ok(network)
    }

    fn namespaces(&self) -> [&String; 3] {
        [&self.sender, &self.router, &self.service]
    }

    /// Connects one end with the router. The interface is `line` at the end, and `name` on the router.
    fn connect(&self, end: &str, name: &str, address: &str, gateway: &str) -> Result<(), String> {
        let router = &self.router;
        for line in [
            format!("link add line netns {end} type veth peer name {name} netns {router}"),
            format!("-n {end} address add {address}/24 dev line"),
            format!("-n {end} link set line up"),
            format!("-n {router} address add {gateway}/24 dev {name}"),
            format!("-n {router} link set {name} up"),
            format!("-n {end} route add default via {gateway}"),
        ] {
            let words = ["ip"].into_iter().chain(line.split(' '));
            run(&words.collect::<Vec<_>>())?;
        }
        Ok(())
    }

    /// Runs a shell command on the router.
    ///
    /// # Errors
    /// The command failed; the text is what it printed.
    pub fn run_on_router(&self, line: &str) -> Result<String, String> {
        run(&["ip", "netns", "exec", &self.router, "sh", "-c", line])
    }

    /// Adds an nftables rule for forwarded packets.
    pub fn add_forward_rule(&self, rule: &str) {
        self.run_on_router(&format!("nft 'add rule inet test forward {rule}'"))
            .expect("nftables takes the rule");
    }

    /// Removes all rules, so that the router forwards everything again.
    pub fn remove_forward_rules(&self) {
        self.run_on_router("nft flush chain inet test forward")
            .expect("rules can be removed");
    }

    /// The number of packets that the first `counter` rule has counted.
    pub fn packets_counted(&self) -> u64 {
        let rules = self
            .run_on_router("nft list chain inet test forward")
            .expect("rules can be listed");
        let count = rules.split_once("counter packets ").map(|(_, rest)| rest);
        let count = count.and_then(|rest| rest.split(' ').next()?.parse().ok());
        count.unwrap_or_else(|| panic!("no counter in {rules}"))
    }

    /// Replaces the sender's address.
    pub fn change_sender_address(&self, address: &str) {
        for line in [
            format!("address del {SENDER_ADDRESS}/24 dev line"),
            format!("address add {address}/24 dev line"),
            // The kernel has removed the route together with the address.
            format!("route add default via {ROUTER_ADDRESS}"),
        ] {
            let words = ["ip", "-n", &self.sender]
                .into_iter()
                .chain(line.split(' '));
            run(&words.collect::<Vec<_>>()).expect("addresses can be changed");
        }
    }

    /// Starts an emulator in the service's namespace.
    pub fn start_service(&self, change: impl FnOnce(&mut Config) + Send) -> Service {
        let namespace = std::fs::File::open(format!("/run/netns/{}", self.service))
            .expect("the namespace has a name");
        // The emulator's threads are children of this thread, so they are in the namespace, too.
        let start = move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("a thread may change its namespace");
            Service::on(&format!("{SERVICE_ADDRESS}:0"), |config| {
                config.media_ip = SERVICE_ADDRESS.parse().expect("an address");
                change(config);
            })
        };
        thread::scope(|scope| scope.spawn(start).join()).expect("the emulator starts")
    }

    /// Starts a `gst-launch-1.0` in the sender's namespace.
    pub fn launch(&self, service: &Service, arguments: &str) -> Launch {
        Launch::spawn(
            launch::command(service)
                .envs(["no_proxy", "NO_PROXY"].map(|name| (name, SERVICE_ADDRESS)))
                .arg("-c")
                .arg(format!(
                    "exec ip netns exec {} gst-launch-1.0 {arguments}",
                    self.sender
                )),
        )
    }

    /// Starts a program on the router.
    pub fn spawn_on_router(&self, line: &str) -> Launch {
        let line = format!("exec ip netns exec {} {line}", self.router);
        Launch::spawn(Command::new("bash").arg("-c").arg(line))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in self.namespaces() {
            // The namespace may not exist, if creating the network failed.
            let _ = run(&["ip", "netns", "del", namespace]);
        }
    }
}

/// Runs a command and returns what it prints.
fn run(words: &[&str]) -> Result<String, String> {
    let line = words.join(" ");
    let output = Command::new(words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{line}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let reason = String::from_utf8_lossy(&output.stderr);
        Err(format!("{line}: {}", reason.trim()))
    }
}
