"""The two models of the demo's life cycle: the raw pixels of a picture, and a projection that is learned from pictures and labels."""

import numpy as np

import fashion_mnist


def _matrix(pictures):
    return np.array([np.frombuffer(picture, np.uint8) for picture in pictures], np.float32)


class Pixels:
    """The picture itself: a number a pixel."""

    dimensions = fashion_mnist.DIMENSIONS

    def embed(self, pictures):
        """One row of float32 a picture."""
        return _matrix(pictures)


class Projection:
    """64 numbers a picture: its principal components, scaled so that what differs among pictures of one label counts little."""

    dimensions = 64

    def __init__(self, mean, matrix):
        self._mean = mean
        self._matrix = matrix

    @classmethod
    def learn(cls, pictures, labels):
        """Learns from pictures and the label of each; the same input gives the same projection."""
        pixels = _matrix(pictures).astype(np.float64)
        labels = np.array(labels)
        mean = pixels.mean(axis=0)
        centered = pixels - mean
        # Eigenvectors come in the order of their eigenvalues, the largest last.
        _, vectors = np.linalg.eigh(centered.T @ centered)
        components = vectors[:, ::-1][:, :cls.dimensions]
        projected = centered @ components
        within = np.zeros((cls.dimensions, cls.dimensions))
        for label in np.unique(labels):
            group = projected[labels == label]
            group = group - group.mean(axis=0)
            within += group.T @ group / len(projected)
        # As much of the mean variance on every axis: axes of little variance are mostly noise, and would count too much.
        within += np.eye(cls.dimensions) * np.trace(within) / cls.dimensions
        whitening = np.linalg.cholesky(np.linalg.inv(within))
        return cls(mean.astype(np.float32), (components @ whitening).astype(np.float32))

    def embed(self, pictures):
        """One row of float32 a picture."""
        return (_matrix(pictures) - self._mean) @ self._matrix

    def to_bytes(self):
        """The model as it is stored: mean, then matrix, float32 in little-endian order."""
        return self._mean.astype("<f4").tobytes() + self._matrix.astype("<f4").tobytes()

    @classmethod
    def from_bytes(cls, data):
        """The model that `to_bytes` has written."""
        numbers = np.frombuffer(data, "<f4")
        mean, matrix = numbers[:fashion_mnist.DIMENSIONS], numbers[fashion_mnist.DIMENSIONS:]
        return cls(mean, matrix.reshape(fashion_mnist.DIMENSIONS, cls.dimensions))
