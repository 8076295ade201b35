//! The web server: plain for localhost and proxies, TLS for everybody else.

use std::{
    net::{IpAddr, SocketAddr, TcpListener},
    time::Duration,
};

use axum::{Extension, Router, extract::connect_info::IntoMakeServiceWithConnectInfo};
use axum_server::Handle as Stop;

use gateway_core::config::Certificate;

use super::{Api, Error, router, tls};

/// Sockets that are bound already, so that whoever bound them can say where they are.
pub(crate) struct Listeners {
    pub http: TcpListener,
    pub https: Option<(TcpListener, Certificate)>,
    /// A further name of the self-signed certificate: the address that others reach us by.
    pub advertised: IpAddr,
}

/// Marks requests that came by TLS: their cookies must not travel without it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Secured;

/// Serves until `stop` is done, then lets requests in progress end.
pub(crate) async fn serve(api: Api, listeners: Listeners, stop: impl Future<Output = ()> + Send) -> Result<(), Error> {
    let halt = Stop::new();
    let plain = run(listeners.http, halt.clone(), None, router(api.clone()));
    let secure = async {
        match listeners.https {
            Some((listener, certificate)) => {
                let config = tls::config(&api.0.settings.data, &certificate, listeners.advertised)?;
                run(listener, halt.clone(), Some(config), router(api.clone()).layer(Extension(Secured))).await
            }
            None => Ok(()),
        }
    };
    let stopped = async {
        stop.await;
        halt.graceful_shutdown(Some(GRACE));
        Ok(())
    };
    tokio::try_join!(plain, secure, stopped).map(|_| ())
}

async fn run(
    listener: TcpListener,
    halt: Stop<SocketAddr>,
    tls: Option<axum_server::tls_rustls::RustlsConfig>,
    router: Router,
) -> Result<(), Error> {
    let address = listener.local_addr().unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
    let service: IntoMakeServiceWithConnectInfo<Router, SocketAddr> = router.into_make_service_with_connect_info();
    let ended = async {
        listener.set_nonblocking(true)?;
        match tls {
            Some(config) => axum_server::from_tcp_rustls(listener, config)?.handle(halt).serve(service).await,
            None => axum_server::from_tcp(listener)?.handle(halt).serve(service).await,
        }
    };
    ended.await.map_err(|source| Error::Server { address, source })
}

/// Long enough for an answer on its way; pages come back by themselves.
const GRACE: Duration = Duration::from_secs(2);
