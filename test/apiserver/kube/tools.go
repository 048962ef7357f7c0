//go:build tools

// Package tools pins the Kubernetes commands that the apiserver lane builds (see ../../lib/kube-apiserver.sh).
package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
