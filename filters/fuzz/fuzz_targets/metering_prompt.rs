//! Requests of every API: any bytes are counted or refused, a limit means what it says, and no prompt is more than its bound.

#![no_main]

use libfuzzer_sys::fuzz_target;
use metering::{
    Families, Limits, Memory, Surface, UpTo, Within, answer, bound, prompt, prompt_up_to, within,
};

const MODELS: [&str; 6] = ["gpt-4o", "gpt-4", "gpt-5.4", "claude-opus-4-7", "gemini-2.5-pro", "nobody-knows"];
const LIMIT: u64 = 50;

fuzz_target!(|data: &[u8]| {
    let (families, memory) = (Families::default(), Memory::default());
    for surface in [Surface::ChatCompletions, Surface::Responses, Surface::Embeddings, Surface::Messages] {
        for model in MODELS {
            let family = families.of(model);
            let bound = bound(surface, family, data);
            let _ = answer(surface, family, data, &memory);
            for limits in [Limits::NONE, Limits { extrapolate_above: 256 }] {
                let Ok(counted) = prompt(surface, family, data, &limits, &memory) else {
                    continue;
                };
                match bound {
                    Ok(bound) => {
                        assert!(counted.tokens <= bound && counted.uncharged.is_none());
                        if limits == Limits::NONE {
                            match within(surface, family, data, bound, LIMIT, &memory) {
                                Ok(Within::AtMost(most)) => assert!((counted.tokens..=LIMIT).contains(&most)),
                                Ok(Within::Counted(again)) => assert_eq!(again, counted),
                                Ok(Within::MoreThan(_)) => assert!(counted.tokens > LIMIT),
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                    Err(unbounded) => assert_eq!(counted.uncharged, Some(unbounded.part)),
                }
                let expect =
                    if counted.tokens > LIMIT { UpTo::MoreThan(LIMIT) } else { UpTo::Within(counted) };
                assert_eq!(prompt_up_to(surface, family, data, &limits, LIMIT, &memory), Ok(expect));
            }
        }
    }
});
