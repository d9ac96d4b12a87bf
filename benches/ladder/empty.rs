//! The first rung: a server that answers what it was given beforehand.

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use promobandit::proto::promobandit::v1;
use promobandit::proto::promobandit::v1::offer_service_server::{OfferService, OfferServiceServer};
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// An answer for each placement.
struct Canned(Arc<BTreeMap<String, v1::ChooseOfferResponse>>);

#[tonic::async_trait]
impl OfferService for Canned {
    async fn choose_offer(
        &self,
        request: Request<v1::ChooseOfferRequest>,
    ) -> Result<Response<v1::ChooseOfferResponse>, Status> {
        let answer = self.0.get(&request.get_ref().placement);
        answer
            .cloned()
            .map(Response::new)
            .ok_or_else(|| Status::not_found("no such placement"))
    }

    async fn get_decision(
        &self,
        _: Request<v1::GetDecisionRequest>,
    ) -> Result<Response<v1::GetDecisionResponse>, Status> {
        Err(Status::unimplemented("nothing is kept"))
    }

    async fn price_offer(
        &self,
        _: Request<v1::PriceOfferRequest>,
    ) -> Result<Response<v1::PriceOfferResponse>, Status> {
        Err(Status::unimplemented("nothing is kept"))
    }
}

/// Serves canned answers until the process ends.
pub async fn serve(
    answers: BTreeMap<String, v1::ChooseOfferResponse>,
) -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let service = OfferServiceServer::new(Canned(Arc::new(answers)));
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let server = Server::builder()
        .max_concurrent_streams(1_024)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .add_service(service);
    tokio::spawn(server.serve_with_incoming(incoming));
    Ok(address)
}
