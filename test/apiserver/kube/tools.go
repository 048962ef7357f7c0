//go:build tools

// Package tools pins the Kubernetes commands that the apiserver lane builds (see build.sh).
package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
