//! todo-api
