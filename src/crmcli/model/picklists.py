"""The values that picklists start with: Salesforce's, with what was found missing there."""

from typing import Final

LEAD_STATUSES: Final = (
    "Open - Not Contacted",
    "Working - Contacted",
    "Closed - Converted",
    "Closed - Not Converted",
)
SOURCES: Final = (
    "Web",
    "Phone Inquiry",
    "Partner Referral",
    "Purchased List",
    "Trade Show",
    "Cold Call",
    "Email",
    "Advertisement",
    "Conference",
    "Direct Mail",
    "Employee Referral",
    "Existing Customer",
    "Public Relations",
    "Word of Mouth",
    "Other",
)
RATINGS: Final = ("Hot", "Warm", "Cold")
INDUSTRIES: Final = (
    "Agriculture",
    "Apparel",
    "Banking",
    "Biotechnology",
    "Chemicals",
    "Communications",
    "Construction",
    "Consulting",
    "Education",
    "Electronics",
    "Energy",
    "Engineering",
    "Entertainment",
    "Environmental",
    "Finance",
    "Food & Beverage",
    "Government",
    "Healthcare",
    "Hospitality",
    "Insurance",
    "Machinery",
    "Manufacturing",
    "Media",
    "Not For Profit",
    "Recreation",
    "Retail",
    "Shipping",
    "Technology",
    "Telecommunications",
    "Transportation",
    "Utilities",
    "Other",
)
ACCOUNT_TYPES: Final = (
    "Prospect",
    "Customer - Direct",
    "Customer - Channel",
    "Channel Partner / Reseller",
    "Installation Partner",
    "Technology Partner",
    "Supplier",
    "Competitor",
    "Other",
)
OPPORTUNITY_TYPES: Final = (
    "Existing Customer - Upgrade",
    "Existing Customer - Replacement",
    "Existing Customer - Downgrade",
    "New Customer",
)
CATEGORIES: Final = ("Pipeline", "Best Case", "Commit", "Closed", "Omitted")
LOST_REASONS: Final = (
    "Pricing",
    "Competition",
    "Budget Constraints",
    "Missing Features",
    "Long Sales Cycle",
    "No Decision-Maker",
    "Unresponsive Prospect",
    "Poor Fit",
    "Other",
)
CAMPAIGN_STATUSES: Final = ("Planned", "In Progress", "Completed", "Aborted")
CAMPAIGN_TYPES: Final = (
    "Conference",
    "Webinar",
    "Trade Show",
    "Public Relations",
    "Partners",
    "Referral Program",
    "Advertisement",
    "Banner Ads",
    "Direct Mail",
    "Email",
    "Telemarketing",
    "Other",
)
CONTACT_ROLES: Final = (
    "Business User",
    "Decision Maker",
    "Economic Buyer",
    "Economic Decision Maker",
    "Evaluator",
    "Executive Sponsor",
    "Influencer",
    "Technical Buyer",
    "Other",
)
TASK_STATUSES: Final = ("Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred")
TASK_PRIORITIES: Final = ("High", "Normal", "Low")
ACTIVITY_TYPES: Final = ("Call", "Email", "Meeting", "Note")
DIRECTIONS: Final = ("Inbound", "Outbound")

# Stage, probability, forecast category, closed, won: the classic ten, with Best Case and Commit mapped.
STAGES: Final = (
    ("Prospecting", 10, "Pipeline", False, False),
    ("Qualification", 10, "Pipeline", False, False),
    ("Needs Analysis", 20, "Pipeline", False, False),
    ("Value Proposition", 50, "Pipeline", False, False),
    ("Id. Decision Makers", 60, "Pipeline", False, False),
    ("Perception Analysis", 70, "Best Case", False, False),
    ("Proposal/Price Quote", 75, "Best Case", False, False),
    ("Negotiation/Review", 90, "Commit", False, False),
    ("Closed Won", 100, "Closed", True, True),
    ("Closed Lost", 0, "Omitted", True, False),
)
