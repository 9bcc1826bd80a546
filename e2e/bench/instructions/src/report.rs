//! The tables.

use std::fmt::Write as _;

use bench::workload::Workload;

use crate::count::Count;

/// What was counted, as Markdown.
pub(crate) fn markdown(counts: &[Count], command: &str, callbacks: bool) -> String {
    let mut out = format!("Command: `{command}`. For each request, on average.\n");
    for workload in Workload::ALL {
        let row: Vec<_> = counts.iter().filter(|count| count.workload == workload).collect();
        if row.is_empty() {
            continue;
        }
        let _ = write!(
            out,
            "\n| {} | instructions: ai-gateway | ai-provider | together | calls to the host | bytes carried |\n|---|--:|--:|--:|--:|--:|\n",
            workload.title()
        );
        for count in &row {
            let (gateway, provider) = (count.gateway, count.provider);
            let _ = writeln!(
                out,
                "| {} | {} | {} | {} | {} | {} |",
                count.variant.name(),
                gateway.instructions,
                provider.instructions,
                gateway.instructions + provider.instructions,
                gateway.calls + provider.calls,
                gateway.bytes + provider.bytes,
            );
        }
        if callbacks {
            by_callback(&row, &mut out);
        }
    }
    out
}

fn by_callback(row: &[&Count], out: &mut String) {
    for count in row {
        let _ = write!(
            out,
            "\n| {} | instructions | calls to the host | bytes carried |\n|---|--:|--:|--:|\n",
            count.variant.name()
        );
        for (filter, callbacks) in ["ai-gateway", "ai-provider"].iter().zip(&count.callbacks) {
            for (callback, spent) in callbacks {
                let callback = callback.trim_start_matches("proxy_on_");
                let _ = writeln!(
                    out,
                    "| {filter}: {callback} | {} | {} | {} |",
                    spent.instructions, spent.calls, spent.bytes
                );
            }
        }
    }
}
