use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_sdk_s3::primitives::SdkBody;

use crate::adapters::aws::pools::Pools;
use crate::adapters::counting_server;

#[tokio::test]
async fn a_connection_is_not_reused_after_a_minute_of_idling() {
    let (url, accepted) = counting_server().await;
    let pools = Pools::new(None).unwrap();
    let send = async || {
        let request = http::Request::get(&url).body(SdkBody::empty()).unwrap();
        pools.pooled().client.request(request).await.unwrap();
    };
    send().await;
    send().await;
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
    tokio::time::pause();
    // Firewalls and load balancers forget idle connections after a minute at the earliest.
    tokio::time::advance(Duration::from_secs(59)).await;
    tokio::time::resume();
    send().await;
    assert_eq!(accepted.load(Ordering::SeqCst), 2);
}

#[cfg(target_os = "linux")]
mod addresses {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};
    use std::task::{Context, Poll};

    use hyper_util::client::legacy::Client;
    use hyper_util::client::legacy::connect::dns::Name;
    use hyper_util::rt::TokioExecutor;
    use socket2::{SockFilter, SockRef};
    use tower_service::Service;

    use super::*;
    use crate::adapters::aws::pools::{CONNECT_TIMEOUT, tcp};
    use crate::adapters::aws::transport::connector_error;

    const DEAD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

    /// Resolves every name to these addresses.
    #[derive(Clone)]
    struct Addresses(Vec<Ipv4Addr>);

    impl Service<Name> for Addresses {
        type Response = std::vec::IntoIter<SocketAddr>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, _: Name) -> Self::Future {
            let addresses = self.0.iter().map(|&address| SocketAddr::from((address, 0)));
            ready(Ok(addresses.collect::<Vec<_>>().into_iter()))
        }
    }

    /// A listener that never completes a handshake.
    fn dead(port: u16) -> TcpListener {
        const RETURN: u16 = 0x06;
        let listener = TcpListener::bind((DEAD, port)).unwrap();
        let drop_all = [SockFilter::new(RETURN, 0, 0, 0)];
        SockRef::from(&listener).attach_filter(&drop_all).unwrap();
        listener
    }

    #[tokio::test]
    async fn one_dead_address_leaves_time_for_the_next() {
        let live = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = live.local_addr().unwrap().port();
        let _dead = dead(port);
        let mut tcp = tcp(Addresses(vec![DEAD, Ipv4Addr::LOCALHOST]));
        let connecting = tcp.call(format!("http://store:{port}/").parse().unwrap());
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
        connected.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_connection_timeout_is_a_timeout_and_not_retried() {
        let dead = dead(0);
        let client = Client::builder(TokioExecutor::new()).build(tcp(Addresses(vec![DEAD])));
        let url = format!("http://store:{}/", dead.local_addr().unwrap().port());
        let request = http::Request::get(url).body(SdkBody::empty()).unwrap();
        let error = connector_error(client.request(request).await.unwrap_err());
        assert!(error.is_timeout(), "{error:?}");
    }
}
