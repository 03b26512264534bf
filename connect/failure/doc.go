// Package failure turns a Java stack trace into a cause, a class, advice on restarting and remedies.
package failure
