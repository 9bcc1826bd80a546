//! The state machine of ai-provider: one attempt at one provider.
