//! What a node has in place of `unplugged`: the store, as the shell's threads see it.

use gateway_core::{
    events::{ask::AskFailure, record::Record, story::Story},
    private::Private,
};

use crate::{
    shell::{Answers, Ledger},
    store::Store,
};

impl Answers for Store {
    async fn identify(&self, token: Option<Private<String>>, number: Option<Private<String>>) -> Result<Story, AskFailure> {
        let (token, number) = (token.as_ref().map(|token| token.0.as_str()), number.as_ref().map(|number| number.0.as_str()));
        Self::identify(self, token, number).await.map_err(|error| AskFailure::Failed(error.to_string()))
    }
}

impl Ledger for Store {
    fn write(&mut self, record: Record) {
        self.append(record);
    }

    fn lag(&self) -> usize {
        self.queued()
    }
}
