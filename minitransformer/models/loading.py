"""Load a model whose class the file names."""

from minitransformer.models.classifier import TransformerClassifier
from minitransformer.models.gpt import GPT
from minitransformer.models.texts.bag import BagOfEmbeddings
from minitransformer.models.texts.cnn import TextCNN
from minitransformer.models.texts.recurrent import RecurrentClassifier
from minitransformer.models.transformer import Transformer
from minitransformer.training import model_file

MODELS = (TransformerClassifier, GPT, Transformer, TextCNN, RecurrentClassifier, BagOfEmbeddings)


def load_model(path, custom_objects=None):
    """The model in a file that `save` of any model wrote.

    The file has the weights and the configuration, but neither the settings of `compile` nor the
    state of the optimiser: call `compile` before `fit` or `evaluate`.

    Parameters
    ----------
    path : path-like
        The file.
    custom_objects : dict of str to type, optional
        Your own subclasses of the models, by name.

    Returns
    -------
    one of `MODELS`, or of the classes in `custom_objects`

    Raises
    ------
    ValueError
        If the class is unknown, or for the reasons of
        :func:`~minitransformer.training.model_file.load_model`.
    OSError
        If the file cannot be read.
    """
    own = list((custom_objects or {}).values())
    return model_file.load_model(path, [*own, *MODELS])
