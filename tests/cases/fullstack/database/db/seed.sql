INSERT INTO todos (title, done) VALUES
    ('Read the README', TRUE),
    ('Start the database', FALSE),
    ('Write a todo', FALSE);
