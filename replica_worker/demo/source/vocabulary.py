"""Words of a Malaysian restaurant chain, and text that breaks careless copies.

Owns: constant pools of names, places, dishes, remarks. Draws nothing, knows no table.
"""

from __future__ import annotations

from typing import Final

PLANTED_MARK: Final = "planted-secret-"

# (code letters, city, state, postcode)
CITIES: Final = (
    ("JHB", "Johor Bahru", "Johor", "80000"),
    ("PEN", "George Town", "Pulau Pinang", "10200"),
    ("IPH", "Ipoh", "Perak", "30000"),
    ("SHA", "Shah Alam", "Selangor", "40000"),
    ("PJY", "Petaling Jaya", "Selangor", "46000"),
    ("KLG", "Klang", "Selangor", "41000"),
    ("MLK", "Melaka", "Melaka", "75000"),
    ("SRB", "Seremban", "Negeri Sembilan", "70000"),
    ("KTN", "Kuantan", "Pahang", "25000"),
    ("KTG", "Kuala Terengganu", "Terengganu", "20000"),
    ("KBR", "Kota Bharu", "Kelantan", "15000"),
    ("ALS", "Alor Setar", "Kedah", "05000"),
    ("KGR", "Kangar", "Perlis", "01000"),
    ("BKI", "Kota Kinabalu", "Sabah", "88000"),
    ("SDK", "Sandakan", "Sabah", "90000"),
    ("TWU", "Tawau", "Sabah", "91000"),
    ("KCH", "Kuching", "Sarawak", "93000"),
    ("MIR", "Miri", "Sarawak", "98000"),
    ("SBW", "Sibu", "Sarawak", "96000"),
    ("BTP", "Batu Pahat", "Johor", "83000"),
    ("MUA", "Muar", "Johor", "84000"),
    ("TPG", "Taiping", "Perak", "34000"),
    ("SPT", "Sungai Petani", "Kedah", "08000"),
    ("CYB", "Cyberjaya", "Selangor", "63000"),
    ("PTJ", "Putrajaya", "W.P. Putrajaya", "62000"),
    ("LBN", "Labuan", "W.P. Labuan", "87000"),
)

STREETS: Final = (
    "Jalan Merdeka",
    "Jalan Sultan Ismail",
    "Lorong Haji Taib",
    "Jalan Dato' Onn",
    "Persiaran Raja Muda",
    "Jalan Yam Tuan",
    "Lebuh Chulia",
    "Jalan Tun Abdul Razak",
)

SITES: Final = ("Mall", "Drive-Thru", "Sentral", "Plaza", "R&R", "Pekan", "Jaya", "Avenue")

MALAY_GIVEN: Final = ("Siti Nur", "Ahmad", "Nurul Izzati", "Muhammad Haziq", "Farah", "Azlan")
MALAY_FAMILY: Final = ("binti Abdullah", "bin Ismail", "binti Rahman", "bin Che' Omar", "bt. Yusof")
CHINESE_GIVEN: Final = ("Wei Ming", "Mei Ling", "Jia Hui", "志明", "美玲", "Kok Leong")
CHINESE_FAMILY: Final = ("Tan", "Lim", "陳", "林", "Ng", "Wong")
TAMIL_GIVEN: Final = ("Kavitha", "Prakash", "கவிதா", "Suresh", "முருகன்", "Anjali")
TAMIL_FAMILY: Final = ("a/l Raman", "a/p Subramaniam", "s/o Muthu", "d/o Krishnan")

# (category, code letters, dish, price in sen)
DISHES: Final = (
    ("Chicken", "CH", "Ayam Goreng Original", 690),
    ("Chicken", "CH", "Ayam Goreng Pedas", 720),
    ("Burgers", "BU", "Burger Ayam Crispy", 990),
    ("Burgers", "BU", "Burger Daging 'Double'", 1350),
    ("Rice", "RI", "Nasi Lemak Ayam Rendang", 1190),
    ("Rice", "RI", "Nasi Ayam 海南鸡饭", 1090),
    ("Rice", "RI", "Bubur Ayam McPedas", 650),
    ("Noodles", "NO", "Mee Goreng Mamak மீ கோரெங்", 950),
    ("Noodles", "NO", "Laksa Johor 叻沙", 1250),
    ("Sides", "SI", "Cheezy Wedges", 590),
    ("Sides", "SI", "Coleslaw", 350),
    ("Sides", "SI", "Fries \\ Kentang", 480),
    ("Drinks", "DR", "Teh Tarik", 320),
    ("Drinks", "DR", "Milo Ais", 380),
    ("Drinks", "DR", "Kopi O 咖啡乌", 290),
    ("Drinks", "DR", "Air Bandung", 350),
    ("Desserts", "DE", "Cendol", 450),
    ("Desserts", "DE", "Sundae Gula Melaka", 390),
    ("Combos", "CO", "Set Keluarga (4 orang)", 4990),
    ("Combos", "CO", "Lucky Plate", 1690),
)

VARIANTS: Final = ("", " (R)", " (L)", " XL", " Set A", ' "Promo"', " Kids", " Ala Carte")

CASHIERS: Final = ("aisyah.k", "hafiz", "MeiLing88", "kumar", "Nadia", "jason.t", "Self-Order", "")

METHODS: Final = (
    "Cash",
    "Touch 'n Go eWallet",
    "Visa",
    "MasterCard",
    "DuitNow QR",
    "GrabPay",
    "Voucher",
)
METHOD_SHARES: Final = (0.34, 0.22, 0.14, 0.10, 0.12, 0.06, 0.02)

CHANNELS: Final = ("Dine In", "Take Away", "Drive Thru", "Delivery")
CHANNEL_SHARES: Final = (0.38, 0.34, 0.18, 0.10)

# What copies lose: blanks at the end, NULL against '', escapes of COPY and CSV, case,
# composed against decomposed letters, characters beyond the 16-bit plane.
TRICKY_TEXTS: Final = (
    "Tambah sambal  ",
    "   ",
    "kurang manis\tkurang ais",
    "baris satu\nbaris dua\r\nbaris tiga",
    "C:\\POS\\till\\1",
    "\\N",
    "NULL",
    "nan",
    "he said \"no onions\", then 'extra'",
    "不要辣, 谢谢",
    "காரம் வேண்டாம்",
    "Terima kasih 🙏🏽 👨‍👩‍👧‍👦 🍗🌶️",
    "Café",
    "Cafe\u0301",
    "non\u00a0breaking",
    "{a,b};|^~",
    "0012",
    "1e5",
)

REMARKS: Final = ("Tanpa bawang", "TANPA BAWANG", "Bungkus", "Nombor meja 7", *TRICKY_TEXTS)


def _long_text(sentence: str, length: int) -> str:
    return (sentence * (length // len(sentence) + 1))[: length - 1] + "."


# Longer than varchar(8000) and nvarchar(4000) can be: the reason why such columns are MAX.
LONG_TEXTS: Final = (
    _long_text("Pelanggan meminta ayam goreng rangup, sos asing; bayaran disahkan. ", 8_001),
    _long_text('{"step": "kds", "station": "fryer-2", "note": "masak 10 minit 🍗"}, ', 9_500),
    _long_text("请勿加辣椒，另加一份白饭。 ", 12_000),
    _long_text("காரம் குறைவாக, தனியாக கட்டவும். ", 20_000),
)

UNPARSABLE_DATES: Final = ("TBC", "31/02/2025", "0000-00-00", "N/A", "32 Jan 2025")
