"""Write scikit-learn's wine dataset (178 wines, 13 measurements, 3 cultivars) as an npz file that the workflow reads."""

import numpy as np
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

wine = load_wine()
labels = wine.target_names[wine.target]  # labels may be names; the run keeps them
x_train, x_test, y_train, y_test = train_test_split(wine.data, labels, test_size=0.25, random_state=0)
np.savez("wine.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
print("wine.npz written; next: make mine NPZ=wine.npz")
