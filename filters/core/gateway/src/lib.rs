//! The state machine of ai-gateway: which model a client asked for, and what it is told.
