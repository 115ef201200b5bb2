"""Makes `debt-letter.pdf`, the invented correspondence that `make run` sends through the mesh.

Needs reportlab (BSD), which is no dependency of the programs: `pip install reportlab`, then run this file.
"""

from __future__ import annotations

from pathlib import Path

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

TARGET = Path(__file__).with_name("debt-letter.pdf")
BLUE = colors.HexColor("#1f3a5f")

STYLES = getSampleStyleSheet()
BODY = ParagraphStyle(
    "body", parent=STYLES["BodyText"], fontName="Helvetica", fontSize=10.5, leading=15, spaceAfter=7
)
SMALL = ParagraphStyle("small", parent=BODY, fontSize=8.5, leading=11, textColor=colors.grey)
HEAD = ParagraphStyle("head", parent=BODY, fontName="Helvetica-Bold", fontSize=13, leading=17, textColor=BLUE)
BRAND = ParagraphStyle("brand", parent=HEAD, fontSize=18, leading=24)

STATEMENT = [
    ["Date", "Transaction", "Debit", "Credit", "Balance"],
    ["01/10/2024", "Balance brought forward", "", "", "£3,912.40"],
    ["14/10/2024", "Payment received, thank you", "", "£60.00", "£3,852.40"],
    ["31/10/2024", "Interest at 34.9% a year", "£109.21", "", "£3,961.61"],
    ["18/11/2024", "Late payment fee", "£12.00", "", "£3,973.61"],
    ["30/11/2024", "Interest at 34.9% a year", "£112.64", "", "£4,086.25"],
    ["16/12/2024", "Late payment fee", "£12.00", "", "£4,098.25"],
    ["31/12/2024", "Interest at 34.9% a year", "£116.17", "", "£4,214.42"],
    ["31/01/2025", "Interest at 34.9% a year", "£119.47", "", "£4,333.89"],
    ["12/02/2025", "Goodwill refund of interest", "", "£23.12", "£4,310.77"],
    ["28/02/2025", "Closing balance", "", "", "£4,310.77"],
]
BUDGET = [
    ["Each month", "Amount"],
    ["Universal Credit", "£1,042.60"],
    ["Child Benefit", "£186.55"],
    ["Part-time wages", "£229.67"],
    ["Total coming in", "£1,458.82"],
    ["Rent, Harbour Homes", "£540.00"],
    ["Council tax, Leeds City Council", "£112.00"],
    ["Gas and electricity", "£164.67"],
    ["Food and housekeeping", "£411.67"],
    ["Mobile and broadband", "£41.50"],
    ["Bus fares", "£60.00"],
    ["School meals and clothing", "£55.00"],
    ["Total going out", "£1,384.84"],
    ["Left over", "£73.98"],
]


def main() -> None:
    document = SimpleDocTemplate(
        str(TARGET),
        pagesize=A4,
        invariant=1,  # the same bytes each time
        title="Northmoor Finance: default notice and statement",
        author="Northmoor Finance Ltd",
        subject="Account NM/22-1187",
        leftMargin=22 * mm,
        rightMargin=22 * mm,
        topMargin=20 * mm,
        bottomMargin=18 * mm,
    )
    document.build([*letter(), PageBreak(), *statement(), PageBreak(), *budget()])


def letter() -> list[Flowable]:
    paragraphs = (
        "Mrs Jane O'Neill-Hart<br/>14 Mill Lane<br/>Leeds<br/>LS1 4AP",
        "3 March 2025<br/>Our ref: NM/22-1187<br/>Account number: 4929 0034 7715 1187",
        "Dear Mrs O'Neill-Hart,",
        "<b>Notice of default: you owe £4,310.77</b>",
        "We wrote to you on 18 November 2024 and on 16 December 2024 because payments to your credit card account "
        "had stopped. Your last payment of £60.00 reached us on "
        "14 October 2024, and arrears of £287.50 have built up.",
        "To bring your account up to date, please pay £287.50 by 31 March 2025. If you do not, we may end your "
        "agreement, ask you to repay the whole balance of £4,310.77, and pass the account to Halden Recoveries "
        "Ltd. A default will be recorded on your credit file for six years.",
        "<b>If you cannot pay</b>",
        "Please talk to us. Call 0113 496 0177 between 8am and 8pm, or write to "
        "hardship@northmoor-finance.example. If you send us a budget, we will look at what you can afford. Tell us "
        "if a debt adviser is helping you: we will then wait for 30 days before we do anything else.",
        "Free and independent help is available from your local advice charity. You may also be able to apply for "
        "Breathing Space, which stops most interest, fees and letters for 60 days.",
        "Yours sincerely,",
        "Mr Alan Whitcombe<br/>Customer Support Manager<br/>Northmoor Finance Ltd",
    )
    return [
        Paragraph("Northmoor Finance", BRAND),
        Paragraph("Kestrel House, 2 Canal Road, Manchester M1 2WX. Invented for demonstration.", SMALL),
        Spacer(1, 8 * mm),
        *(Paragraph(text, BODY) for text in paragraphs),
    ]


def statement() -> list[Flowable]:
    return [
        Paragraph("Statement of account", HEAD),
        Paragraph(
            "Account number: 4929 0034 7715 1187. Our ref: NM/22-1187. 1 October 2024 to 28 February 2025.", BODY
        ),
        Spacer(1, 3 * mm),
        table(STATEMENT, [24 * mm, 70 * mm, 22 * mm, 22 * mm, 26 * mm], bold_rows=(1, 10)),
        Spacer(1, 5 * mm),
        Paragraph(
            "Minimum payment due by 31 March 2025: £287.50. Credit limit: £4,000.00, passed by £310.77.", BODY
        ),
        Paragraph("Pay by bank transfer: sort code 20-11-33, account number 40019921, reference NM/22-1187.", BODY),
    ]


def budget() -> list[Flowable]:
    return [
        Paragraph("Household budget", HEAD),
        Paragraph(
            "Mrs Jane O'Neill-Hart, with two children. Prepared with Sam Okafor of Harbour Street Debt "
            "Advice on 12 March 2025. Case reference: HS-2025-0417.",
            BODY,
        ),
        Spacer(1, 3 * mm),
        table(BUDGET, [100 * mm, 40 * mm], bold_rows=(4, 12, 13)),
        Spacer(1, 5 * mm),
        Paragraph(
            "Other debts: Leeds City Council council tax arrears £1,186.40, Harbour Homes rent arrears "
            "£732.15, Brightcat catalogue £865.00, Quickfield payday loan about £1,200.00.",
            BODY,
        ),
        Paragraph(
            "Signed: Jane O'Neill-Hart. National Insurance number: QQ 12 34 56 C. Telephone: 0113 496 0112. "
            "Email: jane.oneill@example.org.",
            BODY,
        ),
    ]


def table(rows: list[list[str]], widths: list[float], bold_rows: tuple[int, ...]) -> Table:
    amounts = 1 if len(rows[0]) == 2 else 2
    style = [
        ("FONT", (0, 0), (-1, -1), "Helvetica", 9.5),
        ("FONT", (0, 0), (-1, 0), "Helvetica-Bold", 9.5),
        ("BACKGROUND", (0, 0), (-1, 0), BLUE),
        ("TEXTCOLOR", (0, 0), (-1, 0), colors.white),
        ("ALIGN", (amounts, 0), (-1, -1), "RIGHT"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.lightgrey),
        ("TOPPADDING", (0, 0), (-1, -1), 4),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
        *(("FONT", (0, row), (-1, row), "Helvetica-Bold", 9.5) for row in bold_rows),
    ]
    return Table(rows, colWidths=widths, style=TableStyle(style), hAlign="LEFT")


if __name__ == "__main__":
    main()
