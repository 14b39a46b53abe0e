"""The entries of the catalogue: what each data set is, its files, their addresses and hashes."""

from __future__ import annotations

from dataclasses import dataclass

from treadle.recipe import Format

_GITHUB = "https://raw.githubusercontent.com"
_POLARITY = f"{_GITHUB}/nltk/nltk_data/5db857e6f7df11eabb5e5665836db9ec8df07e28/packages/corpora/sentence_polarity.zip"
_EWT = f"{_GITHUB}/UniversalDependencies/UD_English-EWT/15d613d8447b3478787d4c278730a1e48a945efb"
_PARTS = {"train": "training", "dev": "validation", "test": "test"}
_MAAS = "Maas et al. (2011), Learning Word Vectors for Sentiment Analysis, ACL: Large Movie Review Dataset v1.0"
_IMDB = (
    "write the reviews of aclImdb_v1.tar.gz (ai.stanford.edu/~amaas/data/sentiment) as CSV with the columns text,"
    " label, rating, id, title, the negative before the positive, by id"
)


@dataclass(frozen=True)
class File:
    """A file of a data set."""

    name: str
    sha256: str
    """Of the file at its address; a copy may be compressed with xz, as NAME.xz."""
    address: str | None = None
    """Where it is downloaded from; `ADDRESS!MEMBER` is a member of the ZIP archive at that address."""
    label: str | None = None
    """The class of all its texts, one a line, where the file is no table."""
    columns: tuple[str, ...] = ()
    """What its texts are, several a line with tabs between them, where the file names no columns."""


@dataclass(frozen=True)
class Dataset:
    """One entry of the catalogue."""

    name: str
    description: str
    files: tuple[File, ...]
    licence: str
    citation: str
    rows: int
    target: str | None
    """The column that is usually predicted; None where the text's own words are."""
    format: Format | None = None
    """What its files hold, where that is no table."""
    package: tuple[str, str] | None = None
    """An installed package that ships the only file, and its path in there."""
    drop: tuple[str, ...] = ()
    """Columns that are no features."""
    texts: tuple[str, ...] = ()
    """Columns that are read as text."""
    test: str | None = None
    """The data set of its official test rows."""
    validation: str | None = None
    """The data set of its official validation rows."""
    folder: str | None = None
    """Where its files lie, if not in a folder of its name."""
    advice: str = ""
    """How to get it, where no address offers it in the form it is read in."""


def _english_treebank(
    name: str, part: str, sha256: str, *, rows: int, validation: str | None = None, test: str | None = None
) -> Dataset:
    """A part of the English Web Treebank, in the official split."""
    file = f"en_ewt-ud-{part}.conllu"
    return Dataset(
        name=name,
        description="Sentences from the web (text), with a part of speech for every word: universal (upos), and of the "
        f"Penn Treebank (xpos). The official {_PARTS[part]} part.",
        files=(File(file, sha256, f"{_EWT}/{file}"),),
        licence="CC BY-SA 4.0",
        citation="Silveira et al. (2014), A Gold Standard Dependency Corpus for English, LREC: Universal Dependencies "
        "English Web Treebank",
        rows=rows,
        target="upos",
        format="conllu",
        drop=("xpos",),
        texts=("text",),
        test=test,
        validation=validation,
        folder="ud_english_ewt",
    )


ALL = (
    Dataset(
        name="bank_churn",
        description="Bank customers, and whether they left (Exited).",
        files=(
            File(
                "Churn_Modelling.csv",
                "3996cd1fa372e0db0cd9c0ebac35bbd4e8e3c65fb942bb010c826e7b1eeef0a0",
                f"{_GITHUB}/krishnaik06/ANN-CLassification-Churn/6ac351aa3533f5cde56926032fb479a4e9c4d2ab/Churn_Modelling.csv",
            ),
        ),
        licence="none stated for the data: for tests and study, not for redistribution",
        citation="Teaching table of the SuperDataScience deep-learning course (Churn Modelling); probably fictional",
        rows=10_000,
        target="Exited",
        drop=("RowNumber", "CustomerId", "Surname"),
    ),
    Dataset(
        name="phishing_uci",
        description="Features of web sites in -1, 0, 1, and whether one is phishing (Result: -1) or legitimate (1).",
        files=(
            File(
                "phisingData.csv",
                "e20bf913b6c2e669f4e875e5d223be2542cc7c79a7b62d284ae9d9627c3d9678",
                f"{_GITHUB}/4ashutosh98/end-to-end-ml-project-mlflow-aws/0a9f75e96fb1843a03a95ebc9be972892b3001f1/Network_Data/phisingData.csv",
            ),
        ),
        licence="CC BY 4.0",
        citation="Mohammad, Thabtah, McCluskey (2012-2015), Phishing Websites, UCI Machine Learning Repository 327",
        rows=11_055,
        target="Result",
    ),
    Dataset(
        name="phishing_small",
        description="Features of 1,250 web sites, and whether one is phishing (is_phishing: 1). Its source counts 702 "
        "phishing sites, the file 548: the label may be the wrong way round.",
        files=(
            File(
                "phishing.csv.gz",
                "d8a6d44bd9672e852b8a53ad2c64229f81972158a77d981073a98b17c27af7a9",
            ),
        ),
        licence="CC BY 4.0 (data), BSD-3-Clause (the package river that ships it)",
        citation="Abdelhamid, Ayesh, Thabtah (2014), Website Phishing, UCI Machine Learning Repository 379",
        rows=1_250,
        target="is_phishing",
        package=("river", "datasets/phishing.csv.gz"),
    ),
    Dataset(
        name="california_housing",
        description="Districts of the 1990 census of California, and their median house value in dollars.",
        files=(
            File(
                "housing.csv",
                "8a3727f4cf54ac1a327f69b1d5b4db54c5834ea81c6e4efc0d163300022a685e",
                f"{_GITHUB}/ageron/handson-ml2/1e2115277b50f6c584cd668fa30e3af309a5b136/datasets/housing/housing.csv",
            ),
        ),
        licence="Apache-2.0 (repository); the census data is public",
        citation="Pace and Barry (1997), Sparse Spatial Autoregressions; StatLib, with the changes of handson-ml2",
        rows=20_640,
        target="median_house_value",
    ),
    Dataset(
        name="imdb_reviews",
        description="Film reviews, and whether the film was liked (label: 1): the official training half.",
        files=(File("train.csv.xz", "c179554e5bcd6b56a7694dba171e508f608f19bb31e08ea94b565f576013f265"),),
        licence="none stated: for research, its authors ask to be cited",
        citation=_MAAS,
        rows=25_000,
        target="label",
        drop=("rating", "id", "title"),
        texts=("text",),
        test="imdb_reviews_test",
        advice=_IMDB,
    ),
    Dataset(
        name="imdb_reviews_test",
        description="Film reviews, and whether the film was liked (label: 1): the official test half.",
        files=(File("test.csv.xz", "a7bcf4ffa926dfa13f535d8fee297421ee0efe6aa50102c256b2ab86077f58cb"),),
        licence="none stated: for research, its authors ask to be cited",
        citation=_MAAS,
        rows=25_000,
        target="label",
        drop=("rating", "id", "title"),
        texts=("text",),
        folder="imdb_reviews",
        advice=_IMDB,
    ),
    Dataset(
        name="sentence_polarity",
        description="Sentences from film reviews (text), and whether they speak well of the film (label).",
        files=(
            File(
                "rt-polarity.neg",
                "614274f81185a850e5a88d533d4679f916d6f62e9af6f0b4ec71fb94bf466ea5",
                f"{_POLARITY}!sentence_polarity/rt-polarity.neg",
                label="negative",
            ),
            File(
                "rt-polarity.pos",
                "c2dc6b2f55bcf725725372916287cc3f8f9b19402edaa9167de5287cb3ade421",
                f"{_POLARITY}!sentence_polarity/rt-polarity.pos",
                label="positive",
            ),
        ),
        licence="CC BY 4.0",
        citation="Pang and Lee (2005), Seeing Stars, sentence polarity dataset v1.0, by way of NLTK's data",
        rows=10_662,
        target="label",
        format="lines",
        texts=("text",),
    ),
    Dataset(
        name="phishing_urls_esdaung",
        description="Web addresses (url), and whether each leads to a phishing site (label: 1).",
        files=(File("imbalanced_55000.csv.xz", "e4b0f6b2671502e443a1d6068f0f5d9887ef653679cae7a979ff8d36f3796b84"),),
        licence="none stated: for tests and study, not for redistribution",
        citation="Aung and Yamana (2021), Segmentation-based Phishing URL Detection, WI-IAT (ESDAUNG/PhishDataset)",
        rows=55_000,
        target="label",
        texts=("url",),
        advice="write sheet 1 of `data_imbal - 55000.xlsx` (github.com/ESDAUNG/PhishDataset) as CSV, url before label",
    ),
    Dataset(
        name="hamlet",
        description="Shakespeare's Hamlet, the folio text in the spelling of its time, line by line (text).",
        files=(
            File(
                "shakespeare-hamlet.txt",
                "1eceab7027ad7e0cc25c6b6aadcb2e6bb070395cb2085f775ac732d63d5db240",
                f"{_GITHUB}/PrateekSharma007/Next-Word-Predict--LSTM/77ac22b1c985a0db8ddc12f13d031c042e27c3eb/hamlet.txt",
            ),
        ),
        licence="public domain",
        citation="William Shakespeare (1599), The Tragedie of Hamlet, Project Gutenberg, by way of NLTK's data",
        rows=3_966,
        target=None,
        format="lines",
        texts=("text",),
    ),
    Dataset(
        name="tinyshakespeare",
        description="40,000 lines of plays by Shakespeare, 32,777 of them not blank (text). Usually the last tenth is "
        "held out.",
        files=(
            File(
                "input.txt",
                "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
                f"{_GITHUB}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
            ),
        ),
        licence="public domain (the text; none stated for the file)",
        citation="Karpathy (2015), char-rnn: tinyshakespeare",
        rows=32_777,
        target=None,
        format="lines",
        texts=("text",),
    ),
    _english_treebank(
        "ud_english_ewt",
        "train",
        "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b",
        rows=12_544,
        validation="ud_english_ewt_dev",
        test="ud_english_ewt_test",
    ),
    _english_treebank(
        "ud_english_ewt_dev",
        "dev",
        "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6",
        rows=2_001,
    ),
    _english_treebank(
        "ud_english_ewt_test",
        "test",
        "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd",
        rows=2_077,
    ),
    Dataset(
        name="tatoeba_eng_fra",
        description="Sentences in English (english) and in French (french), the shortest first.",
        files=(
            File(
                "fra.txt",
                "0bb85dbaa1c896844649094d7eaf2e34bee34e84fe362b26ce7e8f2e12aae104",
                f"{_GITHUB}/modelexlab/data/adddaf33ac35572bcfeb421efec29435e7ea9332/fra-eng.zip!fra-eng/fra.txt",
                columns=("english", "french"),
            ),
        ),
        licence="CC BY 2.0 FR (attribution: www.manythings.org/anki and tatoeba.org)",
        citation="Tatoeba (tatoeba.org), by way of manythings.org/anki: fra-eng, 2019-04-07",
        rows=167_130,
        target="french",
        texts=("english", "french"),
    ),
)
