"""The imputation engine: untreated outcomes predicted from clean rows, one for all estimators that stand on it."""
