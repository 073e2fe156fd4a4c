//! The containers of one framework on one server: application, nginx, a database where it has one. All of it is removed when the rig is
//! dropped.

use std::collections::HashMap;

use anyhow::{Context, Result};
use testcontainers::runners::SyncRunner;
use testcontainers::{ContainerRequest, GenericImage, ImageExt};

use crate::door::{Door, ports};
use crate::framework::Framework;
use crate::images::Images;
use crate::place::{self, Place, Running, Volume};

/// What serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    Rsgi,
    Uwsgi,
}

/// Running containers. Dropped in this order.
pub(crate) struct Rig {
    pub(crate) server: Server,
    addresses: HashMap<u16, String>,
    nginx: Running,
    app: Running,
    _postgres: Option<Running>,
    volume: Volume,
}

impl Rig {
    pub(crate) fn start(images: &Images, framework: &Framework, release: &str, server: Server) -> Result<Self> {
        let place = Place::new(images, &format!("{}-{release}-{server:?}", framework.name))?;
        let postgres = if framework.has_postgres { Some(place.postgres()?.start()?) } else { None };

        let app = place.app(framework.name, release)?;
        let app = match server {
            Server::Rsgi => app,
            Server::Uwsgi => app.with_entrypoint("/venv/bin/uwsgi"),
        };
        let app = place.doors(app.with_cmd(["/app/rsgi.ini"]), "app");
        let app = if framework.has_postgres { app.with_env_var("POSTGRES_HOST", place.name("postgres")) } else { app };
        let app = app.start().context("the application's container")?;
        let nginx = place.nginx(&place.name("app"))?.start().context("the container of nginx")?;
        // A page of the application where there is one: web2py makes its tables at the first request, which should be a single one.
        let has_pages = !framework.common.is_empty();
        let page = if has_pages { format!("{}whoami", framework.prefix) } else { "/static/range.txt".to_owned() };
        place::wait_for(&format!("http://{}{page}", place::address(&nginx, 8001)?), &[&nginx, &app])?;

        let mut addresses = HashMap::new();
        for (container, of_nginx) in [(&app, false), (&nginx, true)] {
            for port in ports(of_nginx) {
                addresses.insert(port, place::address(container, port)?);
            }
        }
        Ok(Self { server, addresses, nginx, app, _postgres: postgres, volume: place.into_volume() })
    }

    /// The URL of a door, without the last slash.
    pub(crate) fn url(&self, door: &Door, with_tls: bool) -> Result<Option<String>> {
        let (scheme, port) = if with_tls { ("https", door.tls) } else { ("http", door.plain) };
        port.map(|port| Ok(format!("{scheme}://{}", self.address(port)?))).transpose()
    }

    /// Where a port of a container is reached.
    pub(crate) fn address(&self, port: u16) -> Result<&str> {
        self.addresses.get(&port).map(String::as_str).with_context(|| format!("port {port} is not published"))
    }

    /// The name of one of its containers: `app`, `nginx`.
    pub(crate) fn name(&self, what: &str) -> String {
        self.volume.name(what)
    }

    /// Another container on its network.
    pub(crate) fn beside(&self, image: GenericImage, what: &str) -> ContainerRequest<GenericImage> {
        self.volume.within(image, what)
    }

    /// What nginx and the application have said.
    pub(crate) fn log(&self) -> String {
        [place::log(&self.nginx), place::log(&self.app)].concat()
    }
}
