"""The words of the shop: regions, names of people, kinds of products.

Several scripts, accents and emoji on purpose: text that is only ASCII hides mistakes. None of the people
exists; the mail addresses use the domains that RFC 2606 reserves. Nothing here is random.
"""
# ruff: noqa: RUF001 - letters of other scripts that resemble Latin ones are what this file is for

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """A sales region, and how the shop does there."""

    name: str
    continent: str
    currency: str
    utc_offset_hours: int
    customer_share: float
    yearly_growth: float
    language: str
    cities: tuple[str, ...]
    given_names: tuple[str, ...]
    family_names: tuple[str, ...]
    family_first: bool = False
    southern: bool = False
    weekend: tuple[int, ...] = (5, 6)  # days of the week, Monday is 0


REGIONS = (
    Region(
        "North America", "America", "USD", -6, 0.21, 1.10, "en",
        ("Chicago", "Montréal", "Seattle", "New York", "Austin"),
        ("Olivia", "Liam", "Emma", "Noah", "Zoë", "Elijah", "Ava", "Mateo", "Chloé", "D'Angelo"),
        ("Smith", "Johnson", "O'Brien", "Garcia", "Nguyen", "Tremblay", "Williams", "Park", "St. John"),
    ),
    Region(
        "Latin America", "America", "BRL", -3, 0.09, 1.45, "pt",
        ("São Paulo", "Bogotá", "Ciudad de México", "Córdoba", "Lima"),
        ("João", "María", "José", "Conceição", "Andrés", "Lucía", "Íñigo", "Valentina", "Raúl", "Inês"),
        ("Silva", "González", "Muñoz", "Araújo", "Peña", "Gonçalves", "Núñez", "Ibáñez", "Souza", "Acuña"),
        southern=True,
    ),
    Region(
        "UK & Ireland", "Europe", "GBP", 0, 0.11, 0.97, "en",
        ("London", "Dublin", "Leeds", "Cardiff", "Glasgow"),
        ("Amelia", "Oisín", "Isla", "Siân", "George", "Niamh", "Harry", "Freya", "Seán", "Poppy"),
        ("Jones", "Murphy", "MacDonald", "Ó Súilleabháin", "Evans", "Khan", "Taylor", "Byrne", "Ng"),
    ),
    Region(
        "DACH", "Europe", "EUR", 1, 0.15, 1.05, "de",
        ("München", "Zürich", "Wien", "Köln", "Leipzig"),
        ("Jürgen", "Käthe", "Björn", "Lena", "Finn", "Änne", "Moritz", "Sophie", "Jörg", "Mia"),
        ("Müller", "Strauß", "Schäfer", "Groß", "Böhm", "Weiß", "Huber", "Yıldız", "Köhler", "Zwingli"),
    ),
    Region(
        "Nordics", "Europe", "SEK", 1, 0.06, 1.12, "sv",
        ("Malmö", "Tromsø", "Aarhus", "Helsinki", "Reykjavík"),
        ("Åsa", "Søren", "Þóra", "Aino", "Göran", "Freja", "Øystein", "Väinö", "Björk", "Liv"),
        ("Ångström", "Sørensen", "Þórsdóttir", "Mäkinen", "Lindqvist", "Bjørnstad", "Østergaard", "Berg"),
    ),
    Region(
        "Eastern Europe", "Europe", "PLN", 2, 0.08, 1.22, "uk",
        ("Київ", "Łódź", "София", "Brno", "Αθήνα"),
        ("Олена", "Тарас", "Łucja", "Борис", "Žofie", "Ελένη", "Иван", "Jiří", "Νίκος", "Світлана"),
        ("Шевченко", "Wiśniewska", "Петрова", "Dvořák", "Παπαδοπούλου", "Ковальчук", "Żółtowski", "Novák"),
    ),
    Region(
        "Middle East", "Asia", "AED", 4, 0.05, 1.35, "ar",
        ("دبي", "عمّان", "תל אביב", "Doha", "القاهرة"),
        ("محمد", "فاطمة", "نور", "יעל", "أحمد", "ליאור", "مريم", "يوسف", "ליאת", "عمر"),
        ("الهاشمي", "حدّاد", "כהן", "منصور", "לוי", "الزهراني", "خوري", "ناصر"),
        weekend=(4, 5),
    ),
    Region(
        "India", "Asia", "INR", 5, 0.08, 1.60, "hi",
        ("मुंबई", "दिल्ली", "சென்னை", "Bengaluru", "কলকাতা"),
        ("आरव", "अनन्या", "விஜய்", "Priya", "রবি", "दीपिका", "அனிதா", "Arjun", "ईशान", "মিতা"),
        ("शर्मा", "पटेल", "சுப்பிரமணியன்", "Reddy", "চট্টোপাধ্যায়", "सिंह", "Iyer", "गुप्ता"),
        weekend=(6,),
    ),
    Region(
        "Japan", "Asia", "JPY", 9, 0.07, 1.02, "ja",
        ("東京", "大阪", "札幌", "福岡", "京都"),
        ("さくら", "健太", "美咲", "翔", "陽子", "ハンナ", "蓮", "葵", "太郎", "結衣"),
        ("佐藤", "鈴木", "高橋", "田中", "伊藤", "渡辺", "山本", "中村", "髙島", "齋藤"),
        family_first=True,
    ),
    Region(
        "Korea", "Asia", "KRW", 9, 0.04, 1.18, "ko",
        ("서울", "부산", "인천", "대구", "제주"),
        ("지민", "서연", "민준", "하은", "도윤", "수아", "예준", "지우"),
        ("김", "이", "박", "최", "정", "강", "조", "윤"),
        family_first=True,
    ),
    Region(
        "Oceania", "Oceania", "AUD", 10, 0.04, 1.08, "en",
        ("Sydney", "Wellington", "Perth", "Tāmaki Makaurau", "Hobart"),
        ("Jack", "Aroha", "Ruby", "Tāne", "Charlotte", "Māia", "Cooper", "Kiri", "Matilda", "Rangi"),
        ("Wilson", "Ngata", "Brown", "Te Rangi", "Kelly", "Parata", "Singh", "Hēnare"),
        southern=True,
    ),
    Region(
        "Africa", "Africa", "ZAR", 2, 0.02, 1.75, "sw",
        ("Nairobi", "Lagos", "Cape Town", "አዲስ አበባ", "Dakar"),
        ("Amina", "Kwame", "Ngozi", "Thabo", "Adébáyọ̀", "Zawadi", "ሰላም", "Chinonso", "Fatou", "Sipho"),
        ("Okafor", "Mensah", "Dlamini", "Ọláyínká", "Mwangi", "ተስፋዬ", "Diop", "van der Merwe"),
        southern=True,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Department:
    """The top of the category tree, what is below it, and when it sells."""

    name: str
    groups: dict[str, tuple[str, str, str]]  # group: the kinds of product in it
    median_price: float
    peak_month: int
    season_strength: float  # 0: sells the same all year; 1: sells nothing half a year from its peak
    follows_weather: bool = False


DEPARTMENTS = (
    Department(
        "Kitchen",
        {
            "Cookware": ("Pan", "Pot", "Wok"),
            "Tableware": ("Plate", "Bowl", "Mug"),
            "Appliances": ("Kettle", "Toaster", "Blender"),
        },
        35.0, 12, 0.15,
    ),
    Department(
        "Home",
        {
            "Furniture": ("Chair", "Table", "Cabinet"),
            "Lighting": ("Floor Lamp", "Desk Lamp", "Lantern"),
            "Textiles": ("Blanket", "Pillow", "Curtain"),
        },
        80.0, 10, 0.20,
    ),
    Department(
        "Garden",
        {
            "Plants": ("Rose", "Fern", "Herb Kit"),
            "Tools": ("Spade", "Rake", "Hose"),
            "Outdoor Living": ("Hammock", "Grill", "Parasol"),
        },
        30.0, 5, 0.85, follows_weather=True,
    ),
    Department(
        "Sport",
        {
            "Cycling": ("Helmet", "Saddle", "Bike Light"),
            "Running": ("Running Shoe", "Headband", "Water Bottle"),
            "Climbing": ("Rope", "Carabiner", "Chalk Bag"),
        },
        60.0, 6, 0.35, follows_weather=True,
    ),
    Department(
        "Books",
        {
            "Fiction": ("Novel", "Thriller", "Poem Book"),
            "Knowledge": ("Cookbook", "Textbook", "Travel Guide"),
            "Comics": ("Comic", "Graphic Novel", "Picture Book"),
        },
        18.0, 12, 0.25,
    ),
    Department(
        "Toys",
        {
            "Building": ("Brick Set", "Marble Run", "Train Set"),
            "Games": ("Board Game", "Card Game", "Puzzle"),
            "Soft Toys": ("Bear", "Rabbit", "Dragon"),
        },
        28.0, 12, 0.75,
    ),
    Department(
        "Electronics",
        {
            "Audio": ("Headphone", "Speaker", "Microphone"),
            "Computing": ("Keyboard", "Monitor", "Webcam"),
            "Photo": ("Camera", "Tripod", "Filter"),
        },
        120.0, 11, 0.45,
    ),
    Department(
        "Fashion",
        {
            "Clothing": ("Jacket", "Shirt", "Sweater"),
            "Accessories": ("Belt", "Hat", "Glove"),
            "Bags": ("Backpack", "Suitcase", "Wallet"),
        },
        55.0, 10, 0.30, follows_weather=True,
    ),
)  # fmt: skip

# Below each kind; the first kind of a group has two lines, the others one.
PRODUCT_LINES = ("Classic", "Premium", "Eco", "Travel")

MAKERS = (
    "Ørsted", "Müller & Söhne", "Kvist", "Café Noir", "Žižkov", "Señora Lola", "Ōkami", "Кедр", "星空",
    "한빛", "Αιγαίο", "Northwind", "Årstid", "L'Atelier", 'The "Original" Co.', "Baobab", "نجمة", "Tui & Kea",
    "Łuna", "Ember",
)  # fmt: skip
ADJECTIVES = (
    "Oak", "Walnut", "Copper", "Linen", "Woollen", "Crème", "Midnight", "Sunny", "Compact", "Folding",
    "Quiet", "Bold", "Handmade", "Recycled", "Nordic", "Alpine", "Coastal", "Vintage", "Modern", "Little",
    "Grand", "Naïve", "Silver", "Emerald",
)  # fmt: skip
COLOURS = ("red", "grün", "青", "noir", "white", "sand", "mustard", "violet")
MATERIALS = ("wood", "steel", "cotton", "glass", "paper", "recycled PET")
TAGS = ("new", "eco", "bestseller", "sale", "limited edition", "🎁")

CHANNELS = ("web", "app", "store", "phone")
COUPONS = ("WELCOME10", "SPRING", "ВЕСНА15", "さくら", "BLACKFRIDAY", "MERCI-5", "VIP🎉")
NOTES = (
    "Please ring the bell 🔔",
    "Bitte beim Nachbarn abgeben, Tür links",
    "Laisser chez le gardien, merci",
    "不在の場合は宅配ボックスへ",
    "It's a gift: no invoice, please",
    "Call first,\nthen come to the back door",
    'Write "Happy birthday, Zoë" on the card',
    "الرجاء الاتصال قبل التسليم",
)

# The table with the odd names: its name, its columns, and an empty string beside a NULL.
GIFT_WRAPS = (
    ("klein", 1, True),
    ("mittelgroß", 2, True),
    ("groß", 3, False),
    ("übergroß 🎁", 4, False),
    ("", 0, True),
    (None, None, None),
    ("with 'quotes'", 7, False),
    ('and "more"', 8, True),
)
