//! A network and a volume of containers that belong together, with names that no other run has.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use testcontainers::bollard::models::{HostConfig, PortBinding};
use testcontainers::core::{IntoContainerPort, Mount};
use testcontainers::{Container, ContainerRequest, GenericImage, ImageExt};

use crate::door::ports;
use crate::images::Images;

/// Time for a database to be made, migrated, and an application to be imported, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// A container.
pub(crate) type Running = Container<GenericImage>;

/// Dropped after the containers, it removes the volume; the network goes with the last of them.
pub(crate) struct Place<'a> {
    images: &'a Images,
    certificate: Vec<u8>,
    key: Vec<u8>,
    volume: Volume,
}

/// A volume, which Docker makes when it is first mounted.
pub(crate) struct Volume(String);

impl<'a> Place<'a> {
    pub(crate) fn new(images: &'a Images, what: &str) -> Result<Self> {
        let pem = |file: &std::path::Path| std::fs::read(file).with_context(|| file.display().to_string());
        let volume = Volume(name(what)?);
        Ok(Self { images, certificate: pem(&images.certificate)?, key: pem(&images.key)?, volume })
    }

    /// The name of one of its containers.
    pub(crate) fn name(&self, what: &str) -> String {
        self.volume.name(what)
    }

    /// The image for trouble, with the ports of its doors.
    pub(crate) fn trouble(&self) -> Result<GenericImage> {
        Ok(open(image(&self.images.trouble)?))
    }

    /// The image of a fixture, with the ports of its doors.
    pub(crate) fn app(&self, fixture: &str, release: &str) -> Result<GenericImage> {
        Ok(open(image(self.images.fixture(fixture, release)?)?))
    }

    /// nginx before the container of that name.
    pub(crate) fn nginx(&self, app: &str) -> Result<ContainerRequest<GenericImage>> {
        let nginx = ports(true).fold(image(&self.images.nginx)?, |image, port| image.with_exposed_port(port.tcp()));
        Ok(self.doors(nginx.with_cmd([app]), "nginx"))
    }

    pub(crate) fn postgres(&self) -> Result<ContainerRequest<GenericImage>> {
        Ok(self.within(image(&self.images.postgres)?, "postgres"))
    }

    /// A container on the network.
    pub(crate) fn within(
        &self,
        image: impl Into<ContainerRequest<GenericImage>>,
        what: &str,
    ) -> ContainerRequest<GenericImage> {
        self.volume.within(image, what)
    }

    /// A container that is not on it.
    pub(crate) fn apart(
        &self,
        image: impl Into<ContainerRequest<GenericImage>>,
        what: &str,
    ) -> ContainerRequest<GenericImage> {
        self.volume.apart(image, what)
    }

    /// The name of the network.
    pub(crate) fn network(&self) -> &str {
        &self.volume.0
    }

    /// The same with what doors take: the volume for sockets, certificate and key.
    pub(crate) fn doors(
        &self,
        image: impl Into<ContainerRequest<GenericImage>>,
        what: &str,
    ) -> ContainerRequest<GenericImage> {
        self.within(image, what)
            .with_mount(Mount::volume_mount(&self.volume.0, "/sockets"))
            .with_copy_to("/lab/lab.crt", self.certificate.clone())
            .with_copy_to("/lab/lab.key", self.key.clone())
    }

    /// The volume, for who keeps the containers longer than this.
    pub(crate) fn into_volume(self) -> Volume {
        self.volume
    }
}

impl Volume {
    /// The name of a container of the place that has this volume.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("{}-{what}", self.0)
    }

    /// Another container on the network of that place.
    pub(crate) fn within(
        &self,
        image: impl Into<ContainerRequest<GenericImage>>,
        what: &str,
    ) -> ContainerRequest<GenericImage> {
        self.apart(image, what).with_network(&self.0)
    }

    /// Another container, not on that network but on Docker's own, which answers for no names.
    fn apart(&self, image: impl Into<ContainerRequest<GenericImage>>, what: &str) -> ContainerRequest<GenericImage> {
        let request = image.into().with_container_name(self.name(what));
        // Nobody else in the neighbourhood is to come in: passwords here are "secret".
        let ports: Vec<String> = request.expose_ports().iter().map(ToString::to_string).collect();
        host(request, move |config| {
            let here = PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: None };
            config.publish_all_ports = Some(false);
            config.port_bindings = Some(ports.iter().map(|port| (port.clone(), Some(vec![here.clone()]))).collect());
        })
    }
}

/// Adds to what Docker is told about a container's surroundings.
pub(crate) fn host(
    request: ContainerRequest<GenericImage>,
    more: impl Fn(&mut HostConfig) + Send + Sync + 'static,
) -> ContainerRequest<GenericImage> {
    let before = request.host_config_modifier().cloned();
    request.with_host_config_modifier(move |config| {
        if let Some(before) = &before {
            before(config);
        }
        more(config);
    })
}

impl Drop for Volume {
    fn drop(&mut self) {
        let removed = Command::new("docker").args(["volume", "rm", "--force", &self.0]).output();
        if !removed.as_ref().is_ok_and(|output| output.status.success()) {
            eprintln!("warning: the volume {} is left: {removed:?}", self.0);
        }
    }
}

/// Why there can be no containers here, if so.
pub(crate) fn missing() -> Option<String> {
    match Command::new("docker").args(["version", "--format", "{{.Server.Version}}"]).output() {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(format!("no Docker daemon ({})", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Some(format!("no docker command ({error})")),
    }
}

/// Where a port of a container is reached.
pub(crate) fn address(container: &Running, port: u16) -> Result<String> {
    Ok(format!("127.0.0.1:{}", container.get_host_port_ipv4(port.tcp())?))
}

/// Until a URL is answered with success, while these containers run.
pub(crate) fn wait_for(url: &str, containers: &[&Running]) -> Result<()> {
    let end = Instant::now() + PATIENCE;
    loop {
        let Err(error) = reqwest::blocking::get(url).and_then(|answer| answer.error_for_status()) else {
            return Ok(());
        };
        let dead = containers.iter().find(|container| !container.is_running().unwrap_or(false));
        if dead.is_some() || Instant::now() > end {
            let logs: Vec<String> = containers.iter().map(|container| log(container)).collect();
            bail!("it does not serve: {error}\n{}", logs.join("\n"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// What a container has said.
pub(crate) fn log(container: &Running) -> String {
    let text = [container.stdout_to_vec().unwrap_or_default(), container.stderr_to_vec().unwrap_or_default()].concat();
    String::from_utf8_lossy(&text).into_owned()
}

/// With the doors of the application, and the one by HTTP that nginx takes.
fn open(image: GenericImage) -> GenericImage {
    ports(false).chain([8080]).fold(image, |image, port| image.with_exposed_port(port.tcp()))
}

/// An image by its name and tag.
pub(crate) fn image(name: &str) -> Result<GenericImage> {
    let (name, tag) = name.split_once(':').with_context(|| format!("{name} has no tag"))?;
    Ok(GenericImage::new(name, tag))
}

/// A name that tells which process has made it, so that runs side by side do not meet and what a dead one has left can be known.
fn name(what: &str) -> Result<String> {
    let link = std::fs::read_link("/proc/self/ns/pid")?;
    let namespace: String = link.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    Ok(format!("rsgi-lab-{namespace}-{}-{}", std::process::id(), what.to_lowercase()))
}
