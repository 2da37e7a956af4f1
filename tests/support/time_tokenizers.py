"""Times learning 10,000 merges, and encoding, on tiny Shakespeare and Multi30k.

    python -m tests.support.time_tokenizers [FOLDER]

FOLDER (or ``MINITRANSFORMER_DATA``) contains both; without it, they are downloaded.
"""

import sys
import time

from minitransformer.data import ByteLevelBPE, load_multi30k, load_shakespeare


def timed(what, function, size):
    start, cpu = time.perf_counter(), time.process_time()
    found = function()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{what}: {seconds:.1f} s ({cpu:.1f} s of CPU time), {size / cpu / 1e6:.1f} MB/s")
    return found


def main(folder=None):
    pairs = load_multi30k(folder).train
    texts = [load_shakespeare(folder).text, *pairs.source, *pairs.target]
    size = sum(len(text.encode()) for text in texts)
    print(f"{len(texts):,} texts, {size:,} bytes")
    bpe = timed("10,000 merges learned", lambda: ByteLevelBPE.train(texts, 10_000), size)
    ids = timed("encoded", lambda: bpe.encode_all(texts), size)
    tokens = sum(map(len, ids))
    timed("decoded", lambda: [bpe.decode(row) for row in ids], size)
    timed("one piece of a million letters", lambda: bpe.encode("the" * 333_334), 1_000_002)
    print(f"{len(bpe):,} tokens in the vocabulary, {size / tokens:.2f} bytes per token")


if __name__ == "__main__":
    main(*sys.argv[1:2])
