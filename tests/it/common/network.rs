//! A network of its own: a sender's end and a service's end in namespaces, and a router between
//! them that loses, delays or blocks what it forwards. Nothing of it touches the machine's network,
//! and it is gone when it is dropped.

use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::thread;

use overshoot_emulator::Config;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Launch, Service, launch};

/// The sender's address.
pub const SENDER: &str = "10.77.1.2";
/// The router's, towards the sender.
pub const ROUTER: &str = "10.77.1.1";
/// The router's, towards the service.
pub const ROUTER_OUTSIDE: &str = "10.77.2.1";
/// The service's address.
pub const SERVICE: &str = "10.77.2.2";

/// The names of three network namespaces.
pub struct Network {
    pub sender: String,
    pub router: String,
    pub service: String,
}

impl Network {
    /// `None`, with the reason printed, where this machine does not let us.
    pub fn or_skip() -> Option<Self> {
        Self::new()
            .inspect_err(|why| println!("skipped: {why}"))
            .ok()
    }

    /// # Errors
    /// What is missing: the right to do it, a tool, or something in the kernel.
    fn new() -> Result<Self, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        if !rustix::process::geteuid().is_root() {
            return Err("only root can make network namespaces".to_owned());
        }
        let name = format!("ovs-{}-{}", std::process::id(), MADE.fetch_add(1, Relaxed));
        // From here on, what was made is removed, however far it comes.
        let network = Self {
            sender: format!("{name}-sender"),
            router: format!("{name}-router"),
            service: format!("{name}-service"),
        };
        for namespace in network.namespaces() {
            run(&["ip", "netns", "add", namespace])?;
            run(&["ip", "-n", namespace, "link", "set", "lo", "up"])?;
        }
        network.connect(&network.sender, "inside", SENDER, ROUTER)?;
        network.connect(&network.service, "outside", SERVICE, ROUTER_OUTSIDE)?;
        network.route("echo 1 > /proc/sys/net/ipv4/ip_forward")?;
        network.route(
            "nft 'add table inet test;
             add chain inet test forward { type filter hook forward priority 0; };
             add chain inet test input { type filter hook input priority 0; };'",
        )?;
        Ok(network)
    }

    fn namespaces(&self) -> [&String; 3] {
        [&self.sender, &self.router, &self.service]
    }

    /// A line between one end and the router, which calls it `name`.
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

    /// Runs a line of shell on the router.
    ///
    /// # Errors
    /// What it printed, where it failed.
    pub fn route(&self, line: &str) -> Result<String, String> {
        run(&["ip", "netns", "exec", &self.router, "sh", "-c", line])
    }

    /// Adds a rule, in nftables' words, for what is forwarded.
    pub fn forward(&self, rule: &str) {
        self.route(&format!("nft 'add rule inet test forward {rule}'"))
            .expect("nftables takes the rule");
    }

    /// Forwards everything again.
    pub fn forward_all(&self) {
        self.route("nft flush chain inet test forward")
            .expect("rules can be removed");
    }

    /// The packets that the first `counter` among the rules has counted.
    pub fn counted(&self) -> u64 {
        let rules = self
            .route("nft list chain inet test forward")
            .expect("rules can be listed");
        let count = rules.split_once("counter packets ").map(|(_, rest)| rest);
        let count = count.and_then(|rest| rest.split(' ').next()?.parse().ok());
        count.unwrap_or_else(|| panic!("no counter in {rules}"))
    }

    /// Replaces the sender's address.
    pub fn move_sender(&self, address: &str) {
        for line in [
            format!("address del {SENDER}/24 dev line"),
            format!("address add {address}/24 dev line"),
            // It went with the address.
            format!("route add default via {ROUTER}"),
        ] {
            let words = ["ip", "-n", &self.sender]
                .into_iter()
                .chain(line.split(' '));
            run(&words.collect::<Vec<_>>()).expect("addresses can be changed");
        }
    }

    /// An emulator at the service's end.
    pub fn serve(&self, change: impl FnOnce(&mut Config) + Send) -> Service {
        let namespace = std::fs::File::open(format!("/run/netns/{}", self.service))
            .expect("the namespace has a name");
        // Its threads are children of this one, and with it in the namespace.
        let start = move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("a thread may change its namespace");
            Service::on(&format!("{SERVICE}:0"), |config| {
                config.media_ip = SERVICE.parse().expect("an address");
                change(config);
            })
        };
        thread::scope(|scope| scope.spawn(start).join()).expect("the emulator starts")
    }

    /// A `gst-launch-1.0` at the sender's end.
    pub fn launch(&self, service: &Service, arguments: &str) -> Launch {
        Launch::spawn(
            launch::command(service)
                .envs(["no_proxy", "NO_PROXY"].map(|name| (name, SERVICE)))
                .arg("-c")
                .arg(format!(
                    "exec ip netns exec {} gst-launch-1.0 {arguments}",
                    self.sender
                )),
        )
    }

    /// A program on the router.
    pub fn spawn(&self, line: &str) -> Launch {
        let line = format!("exec ip netns exec {} {line}", self.router);
        Launch::spawn(Command::new("bash").arg("-c").arg(line))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for namespace in self.namespaces() {
            // It may not have come that far.
            let _ = run(&["ip", "netns", "del", namespace]);
        }
    }
}

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
        let why = String::from_utf8_lossy(&output.stderr);
        Err(format!("{line}: {}", why.trim()))
    }
}
