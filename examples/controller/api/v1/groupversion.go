// Package v1 is the API group kafka.example.com/v1: the resource KafkaConnector.
//
// +kubebuilder:object:generate=true
// +groupName=kafka.example.com
package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion is the group and version of everything in this package.
var GroupVersion = schema.GroupVersion{Group: "kafka.example.com", Version: "v1"}

// AddToScheme registers the package's types.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &KafkaConnector{}, &KafkaConnectorList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
