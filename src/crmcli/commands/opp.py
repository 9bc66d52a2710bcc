"""crm opp: deals."""

from crmcli.commands._entity import entity_verbs
from crmcli.commands._noun import Noun

command = Noun("opp", "Opportunities: deals, what they may bring, and how far they have come.")

entity_verbs(
    command,
    "opportunity",
    {
        "add": "crm opp add 'Acme renewal' --account A4 --amount 50k --close-date eoq",
        "list": "crm opp list 'stage:prop amount>10k close_date<2026-12' owner:me",
        "show": "crm opp show O45",
        "edit": "crm opp edit O45 --amount 60k --next-step 'Send the contract'",
        "rm": "crm opp rm O45",
        "import": "crm opp import deals.csv --map 'Deal value=amount' --value 'stage:Won=Closed Won'",
        "export": "crm opp export deals.csv",
    },
)
