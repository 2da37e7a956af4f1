"""The published files that can be downloaded: their addresses, sizes and hashes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A published file.

    Parameters
    ----------
    title : str
        What the file is, for messages.
    filename : str
        Path of the file inside a data folder and inside the cache, including a subfolder.
    url : str
        The canonical https address of the file.
    sha256 : str
        The SHA-256 of the file, in hexadecimal.
    size : int
        Size of the file, in bytes.
    """

    title: str
    filename: str
    url: str
    sha256: str
    size: int


SOURCES = {
    # Maas et al. 2011, "Learning Word Vectors for Sentiment Analysis"
    "imdb": Source(
        "the IMDB reviews",
        "aclImdb_v1.tar.gz",
        "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
        84_125_825,
    ),
    # Karpathy 2015, char-rnn: about 40,000 lines of the plays
    "shakespeare": Source(
        "tiny Shakespeare",
        "tinyshakespeare/input.txt",
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        1_115_394,
    ),
    # Karpathy 2022, makemore: first names
    "names": Source(
        "the names",
        "names/names.txt",
        "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt",
        "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        228_145,
    ),
    # Radford et al. 2019, GPT-2: its byte-level BPE
    "gpt2/encoder.json": Source(
        "GPT-2's tokens",
        "gpt2_bpe/encoder.json",
        "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/encoder.json",
        "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
        1_042_301,
    ),
    "gpt2/vocab.bpe": Source(
        "GPT-2's merges",
        "gpt2_bpe/vocab.bpe",
        "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/vocab.bpe",
        "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
        456_318,
    ),
    # Devlin et al. 2019, BERT (uncased): its WordPiece vocabulary
    "bert/vocab.txt": Source(
        "BERT's vocabulary",
        "bert_vocab/vocab.txt",
        "https://huggingface.co/bert-base-uncased/resolve/main/vocab.txt",
        "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        231_508,
    ),
}

# Elliott et al. 2016 and 2017, Barrault et al. 2018: Multi30k, task 1, raw text
_MULTI30K = {
    "train.en": (568_929, "d79cfa999dd4c51d2cb42499b6796d5a882c3a8a961923c25a898c90f8bbd56f"),
    "train.de": (637_044, "726e39b2fa9eb9ffb6dc763fb35a179f80fae06ffc5d28b6ace5faa883de28a6"),
    "train.fr": (604_242, "622e75069e9f4c577425c4f277116ce66e63a2401c0a2312d90073cb12379a3c"),
    "val.en": (21_650, "14f7d25ddd868909a9213e361768460edcacdd6ab9d1e77b92560dc10c10dc28"),
    "val.de": (24_681, "f0cba2f995189cf5770f29a8a9a537a3ad3f51657ad873405082ff6863a5e75a"),
    "val.fr": (23_001, "ca3106f1a72390591d25f6c45cb4cd39dec4cd3f123e099748a3ce5256c160e9"),
    "test_2016_flickr.en": (
        21_077,
        "611d361c6334bc7246101d48097c13cf5c4413c5befc793cc629934359d532d9",
    ),
    "test_2016_flickr.de": (
        22_890,
        "9204244e408ccb38d2a55cfcd344df15005fc42a07a6e55ca6c52b6ababb8cc8",
    ),
    "test_2016_flickr.fr": (
        22_310,
        "6d326e188d259fb1d04ac19eae3af956559b3a0b93d7635e56c90987c40c8b90",
    ),
    "test_2017_flickr.en": (
        19_138,
        "76a444ee25172e72695cddb13ae4a3bda59430617be88e0bb46b60504f054074",
    ),
    "test_2017_flickr.de": (
        21_471,
        "a2c89666db00c495cd8513b9d708d5a3acc205d7de312ef2bf5fb7ebc1540aee",
    ),
    "test_2017_flickr.fr": (
        20_434,
        "3ba671ceb2299f3304ffafefea7a833d08632fbaf0ba18546f8a2ec2391af496",
    ),
    "test_2017_mscoco.en": (
        8_844,
        "aab300bfb4427697987e02cd0aacd44bfe8aa50456231b6474c08038bbed2b58",
    ),
    "test_2017_mscoco.de": (
        10_230,
        "799e4854c25d601cb6cb6be29eabe5667734c61ace2f495e03e429031a0bc338",
    ),
    "test_2017_mscoco.fr": (
        9_751,
        "754f3072ba9f124569ba5258b32730fc1d214bbf8e0c6dfb2b74401676220db0",
    ),
    "test_2018_flickr.en": (
        23_514,
        "ef4f4844037d4c5dea75c9a8ed5fd78905967a26f67c255e230cc9780032654d",
    ),
    "test_2018_flickr.de": (
        26_461,
        "ddd0130c7d97482dc5197a02141dae8dd79f20f03586c480d675c09a32daf608",
    ),
    "test_2018_flickr.fr": (
        25_321,
        "fb2b83fcceb937a4f7e3e93c1c51c22aba92f1e342391e6b5ba392b16a920501",
    ),
}
SOURCES |= {
    f"multi30k/{name}": Source(
        f"Multi30k's {name}",
        f"multi30k/{name}.gz",
        f"https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw/{name}.gz",
        sha256,
        size,
    )
    for name, (size, sha256) in _MULTI30K.items()
}
