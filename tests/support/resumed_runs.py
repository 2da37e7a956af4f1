"""Runs that are stopped and resumed: a model with everything on, and checkpoints of every step."""

from minitransformer.training import AdamW, Callback, WarmupCosine
from tests.support.toys import toy_data, toy_model

X, Y = toy_data(60)
VAL = toy_data(12, seed=1)


class SaveEveryStep(Callback):
    """Writes a separate checkpoint after each step and each epoch."""

    last = True

    def __init__(self, folder):
        self.folder = folder

    def on_train_batch_end(self, batch, logs):
        self.run.save(self.folder / f"{self.run.step}.safetensors")

    def on_epoch_end(self, epoch, logs):
        self.run.save(self.folder / f"after-epoch-{epoch}.safetensors")


def prepared(optimizer=None, seed=0, workers=1):
    """A model compiled with everything that has a state or draws random numbers."""
    model = toy_model(seed=seed)
    model.compile(
        optimizer or AdamW(0.01),
        schedule=WarmupCosine(0.2),
        clip=1.0,
        l2=1e-4,
        word_dropout=0.1,
        average=0.9,
        micro_batch_tokens=28,
        workers=workers,
    )
    return model


def run(model, callbacks=(), resume=None, epochs=5, **changes):
    """The history of a fit; `changes` override its arguments."""
    arguments = {"epochs": epochs, "batch_size": 6, "validation_data": VAL, "verbose": 0}
    x, y = changes.pop("data", (X, Y))
    return model.fit(x, y, callbacks=callbacks, resume=resume, **{**arguments, **changes})


def comparable(history):
    """The columns of a history that do not depend on the time taken."""
    return {name: column for name, column in history.history.items() if name != "seconds"}


def end_of(model):
    """Everything that a run leaves in a model, as bytes."""
    recipe = model.recipe
    arrays = [model.flat.values, recipe.averages.values]
    arrays += [a for name, a in sorted(recipe.optimizer.state().items()) if name != "t"]
    return recipe.optimizer.t, recipe.averages.t, b"".join(a.tobytes() for a in arrays)
