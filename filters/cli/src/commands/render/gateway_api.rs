//! `ai-filters render gateway-api`: the example router as manifests for Envoy Gateway.

use ai_filters::render::{GatewayApi, Infrastructure, Place, Pods, Problems, manifests};

use super::{Failure, Options, write};

/// What may be said about the Gateway, beside everything that may be said about the router.
#[derive(clap::Args)]
pub(in crate::commands) struct GatewayOptions {
    #[command(flatten)]
    router: Options,
    /// ai-gateway's image, which the control plane fetches.
    #[arg(long, value_name = "IMAGE", default_value_t = GatewayApi::example().gateway_image)]
    gateway_image: String,
    /// ai-provider's image, which the kubelet mounts into Envoy's pods.
    #[arg(long, value_name = "IMAGE", default_value_t = GatewayApi::example_provider_image())]
    provider_image: String,
}

impl GatewayOptions {
    pub(super) fn run(self) -> Result<(), Failure> {
        let gateway = self.inputs().map_err(|problems| Failure::Problems(problems.to_string()))?;
        write(self.router.output.as_deref(), &manifests(&gateway))
    }

    fn inputs(&self) -> Result<GatewayApi, Problems> {
        let gateway = GatewayApi {
            router: self.router.router()?,
            gateway_image: self.gateway_image.clone(),
            infrastructure: Infrastructure::Kubernetes(Pods::with_image(self.provider_image.clone())),
            place: Place::default(),
        };
        gateway.check()?;
        Ok(gateway)
    }
}
