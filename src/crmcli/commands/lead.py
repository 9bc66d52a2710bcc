"""crm lead: people and companies that showed interest."""

from crmcli.commands._entity import entity_verbs
from crmcli.commands._noun import Noun

command = Noun("lead", "People and companies that showed interest, not yet qualified.")

entity_verbs(
    command,
    "lead",
    {
        "add": "crm lead add 'Wang Wei' --company Huaxin --email wei@huaxin.cn --source 'Trade Show'",
        "list": "crm lead list status:open -source=Web --sort -created_at",
        "show": "crm lead show L12",
        "edit": "crm lead edit L12 --rating Hot --phone '+86 10 5555 1234'",
        "rm": "crm lead rm L12 L13 --yes",
        "import": "crm lead import fair.csv --map 'Company Name=company' --set 'source=Trade Show' --match email",
        "export": "crm lead export leads.csv",
    },
)
