"""The tuner's page and metrics over HTTP, beside the gRPC front. Changes nothing, needs no torch."""
