"""What every model can do without being trained: move, be saved, be described."""

from minitransformer.backend import array_module
from minitransformer.layers import Layer
from minitransformer.training import model_file, summary
from minitransformer.training.example_kinds import LabelledSequences

KERAS_HINTS = {
    "fit_generator": "use fit",
    "load_weights": "use load, a method of the class",
    "predict_classes": "use predict(x).argmax(axis=1)",
    "predict_on_batch": "use predict",
    "save_weights": "use save",
    "test_on_batch": "use evaluate",
}
"""Methods of Keras that a model does not have, and what to use."""


class _Sublayers:
    """The value of `model.layers`; a subclass may still set an attribute of this name."""

    def __get__(self, model, owner=None):
        return self if model is None else sublayers(model)


def sublayers(model):
    """The layers that `model` consists of, in order, with every block on its own."""
    found = []
    for value in vars(model).values():
        members = value if isinstance(value, list | tuple) else [value]
        found += [layer for layer in members if isinstance(layer, Layer) and layer not in found]
    return found


class StoredModel(Layer):
    """A model with all its parameters in one flat array, `flat`, and its arguments in `config`.

    Attributes
    ----------
    learns_from : ExampleKind
        The kind of examples, such as id sequences with labels; see `training/example_kinds.py`.
    recipe : CompiledTraining or None
        The settings that `compile` fixed.
    layers : list of Layer
        The layers of the model, in order; a layer that is used twice appears once.
    """

    layers = _Sublayers()

    learns_from = LabelledSequences()
    recipe = None

    def __getattr__(self, name):
        hint = f"; {KERAS_HINTS[name]}" if name in KERAS_HINTS else ""
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{hint}")

    def to(self, device):
        """Move the model and the state of its training to "numpy" or "cupy"; return the model."""
        super().to(device)
        if self.recipe is not None:
            self.recipe.to(device)
        return self

    def summary(self, print_fn=print):
        """Print a table of the layers: name, class, shape of the output, count of parameters.

        B is the number of sequences, T and S are numbers of tokens; S is that of the source.

        Parameters
        ----------
        print_fn : callable
            Gets the table as text.
        """
        print_fn(summary.table(self))

    def save(self, path):
        """Write weights and configuration to one safetensors file, atomically."""
        model_file.save_model(self, path)

    @classmethod
    def load(cls, path):
        """The model in a file that :meth:`save` wrote; see `training/model_file.py`."""
        return model_file.load_model(path, [cls])

    def decay_mask(self):
        """Where weight decay and penalties act, (n,) bool: on matrices, not on biases or gains."""
        if getattr(self, "_decay_mask", None) is None:
            xp, flat = array_module(self.flat.values), self.flat
            self._decay_mask = xp.zeros(flat.values.shape, bool)
            for name, parameter in self.parameters().items():
                self._decay_mask[flat.slices[name]] = len(parameter.shape) > 1
        return self._decay_mask
