"""crm contact: people at accounts."""

from crmcli.commands._entity import entity_verbs
from crmcli.commands._merge import merge_verb
from crmcli.commands._noun import Noun

command = Noun("contact", "Contacts: the people one deals with, and where they work.")

entity_verbs(
    command,
    "contact",
    {
        "add": "crm contact add 'Li Na' --account Huaxin --title 'Head of Sales' --email na@huaxin.cn",
        "list": "crm contact list account:huaxin title:head --sort name",
        "show": "crm contact show C3",
        "edit": "crm contact edit C3 --mobile '+86 138 0013 8000' --reports-to C1",
        "rm": "crm contact rm C3",
        "import": "crm contact import people.csv --match email --create-parents",
        "export": "crm contact export contacts.csv",
    },
)
merge_verb(command, "contact")
