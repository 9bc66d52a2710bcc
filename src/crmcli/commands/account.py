"""crm account: organisations."""

from crmcli.commands._entity import entity_verbs
from crmcli.commands._noun import Noun

command = Noun("account", "Organisations: customers, prospects, suppliers, partners and competitors.")

entity_verbs(
    command,
    "account",
    {
        "add": "crm account add Huaxin --type Prospect --website huaxin.cn --industry Electronics",
        "list": "crm account list type:customer city=Berlin",
        "show": "crm account show A4",
        "edit": "crm account edit A4 --parent A2",
        "rm": "crm account rm A4",
        "import": "crm account import accounts.csv --match name --create-parents",
        "export": "crm account export accounts.csv",
    },
)
