//! A wasm module, as far as an image has to know it.

use crate::digest::Digest;

/// A module that an Envoy could load.
#[derive(Clone, Debug)]
pub struct Module {
    bytes: Vec<u8>,
    abi: String,
}

/// Why something is no such module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// It does not begin as a wasm module of version 1 does.
    #[error("is no wasm module\n  hint: `make wasm` builds the filters")]
    NotWasm,
    /// It exports no function by which Envoy knows the ABI.
    #[error("is a wasm module, but no proxy-wasm filter: it exports no `proxy_abi_version_…`")]
    NoAbi,
}

impl Module {
    /// Those bytes, where they are a module with proxy-wasm's mark.
    ///
    /// # Errors
    ///
    /// Where they are none. What else is in the module is Envoy's to judge.
    pub fn new(bytes: Vec<u8>) -> Result<Self, ModuleError> {
        if !bytes.starts_with(b"\0asm\x01\0\0\0") {
            return Err(ModuleError::NotWasm);
        }
        let abi = abi(&bytes).ok_or(ModuleError::NoAbi)?;
        Ok(Self { bytes, abi })
    }

    /// The module itself.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The version of the ABI, such as `0.2.1`.
    pub fn abi(&self) -> &str {
        &self.abi
    }

    /// The module's own digest, which Envoy's `sha256` is compared with.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }
}

/// From the name of an exported function.
fn abi(bytes: &[u8]) -> Option<String> {
    const MARK: &[u8] = b"proxy_abi_version_";
    let at = bytes.windows(MARK.len()).position(|window| window == MARK)?;
    let version = bytes.get(at.saturating_add(MARK.len())..)?;
    let version = version.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'_');
    let version: String = version.map(|byte| if *byte == b'_' { '.' } else { char::from(*byte) }).collect();
    (!version.is_empty()).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::{Module, ModuleError};

    #[test]
    fn a_module_says_its_abi() {
        let module = Module::new(b"\0asm\x01\0\0\0...\x17proxy_abi_version_0_2_1\0\0".to_vec()).unwrap();
        assert_eq!(module.abi(), "0.2.1");
        for (bytes, error) in [
            (b"".as_slice(), ModuleError::NotWasm),
            (b"\0asm\x0d\0\x01\0proxy_abi_version_0_2_1", ModuleError::NotWasm),
            (b"\0asm\x01\0\0\0", ModuleError::NoAbi),
            (b"\0asm\x01\0\0\0proxy_abi_version_", ModuleError::NoAbi),
        ] {
            assert_eq!(Module::new(bytes.to_vec()).unwrap_err(), error, "{bytes:?}");
        }
    }
}
