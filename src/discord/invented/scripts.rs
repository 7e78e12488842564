//! Given and family names in the scripts a guild is written in.

/// How names are written in one script.
pub struct Script {
    /// How common it is, beside the others.
    pub weight: u32,
    pub given: &'static [&'static str],
    pub family: &'static [&'static str],
    pub family_first: bool,
    /// What stands between the two.
    pub gap: &'static str,
}

impl Script {
    const fn new(weight: u32, given: &'static [&'static str], family: &'static [&'static str]) -> Self {
        Self { weight, given, family, family_first: false, gap: " " }
    }

    const fn family_first(self, gap: &'static str) -> Self {
        Self { family_first: true, gap, ..self }
    }
}

pub const SCRIPTS: &[Script] = &[
    // Latin without accents
    Script::new(
        34,
        &[
            "Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Hugo", "Iris", "Jack", "Kim", "Liam", "Maya", "Noah",
            "Olivia", "Paul", "Quinn", "Ruby", "Sam", "Tess", "Uma", "Vera", "Will", "Xander", "Yara", "Zack", "Amina", "Bao",
            "Chidi", "Devi",
        ],
        &[
            "Adams", "Baker", "Costa", "Diaz", "Evans", "Fischer", "Green", "Hansen", "Ivanova", "Jones", "O'Brien", "Rossi",
            "Okafor",
        ],
    ),
    // Latin with accents
    Script::new(
        20,
        &[
            "Zoë",
            "Łukasz",
            "Søren",
            "José",
            "Françoise",
            "Jürgen",
            "Çağla",
            "Åsa",
            "Þóra",
            "Nguyễn",
            "Ngọc",
            "Željko",
            "Mária",
            "Ağca",
            "Šárka",
            "Émile",
            "Núria",
            "João",
            "Růžena",
            "Ødegård",
            "Ștefan",
            "Līga",
            "Tõnu",
            "Beyoncé",
        ],
        &[
            "Müller",
            "García",
            "Dvořák",
            "Kowalczyk",
            "Đặng",
            "Strauß",
            "Lindström",
            "Gonçalves",
            "Yılmaz",
            "Bērziņš",
            "D'Órdoñez",
        ],
    ),
    // Cyrillic
    Script::new(
        11,
        &["Алексей", "Мария", "Дмитрий", "Олена", "Иван", "Юлия", "Бојан", "Ёлка", "Тарас", "Светлана", "Кирилл", "Ґанна"],
        &["Иванов", "Шевченко", "Петрова", "Ковальчук", "Јовановић", "Смирнов", "Щербакова"],
    ),
    // Greek
    Script::new(
        4,
        &["Γιώργος", "Μαρία", "Νίκος", "Ελένη", "Αθηνά", "Θανάσης", "Ξένια", "Ιωάννης"],
        &["Παπαδόπουλος", "Νικολάου", "Αγγελίδης", "Κωνσταντίνου"],
    ),
    // Arabic and Persian
    Script::new(
        6,
        &["محمد", "فاطمة", "أحمد", "ليلى", "يوسف", "مريم", "عُمَر", "نور", "پریسا", "کیان"],
        &["العلي", "حسن", "المصري", "بن سعيد", "رضایی"],
    ),
    // Hebrew
    Script::new(3, &["נועה", "דוד", "שירה", "יוסי", "מאיה", "אורי", "תמר"], &["כהן", "לוי", "מזרחי", "בן־דוד"]),
    // Devanagari
    Script::new(4, &["आरव", "प्रिया", "अर्जुन", "दीपिका", "श्रेया", "राहुल", "कृष्णा"], &["शर्मा", "वर्मा", "पटेल", "सिंह"]),
    // Chinese
    Script::new(
        6,
        &["小明", "美玲", "伟", "建國", "子涵", "雨桐", "志强", "𠮷祥", "阿福"],
        &["王", "李", "張", "刘", "陳", "欧阳"],
    )
    .family_first(""),
    // Japanese
    Script::new(7, &["さくら", "ユウタ", "陽菜", "健太", "ハルカ", "葵", "たろう", "ﾐｶ"], &["佐藤", "鈴木", "高橋", "渡邊"])
        .family_first(" "),
    // Korean
    Script::new(5, &["민준", "서연", "지우", "하은", "도윤", "예린", "수아"], &["김", "이", "박", "최", "남궁"]).family_first(""),
    // Thai
    Script::new(3, &["สมชาย", "มาลี", "น้ำฝน", "กิตติ", "พิมพ์", "เก่ง"], &["ใจดี", "ศรีสุข", "วงศ์ไทย"]),
];
